#!/usr/bin/env bash
# Opens the pages of a comparison, of a sweep and of a space-time diagram in a headless Chromium, at 400 and at 1400 points, light and dark, and
# sees that nothing is wrong: no error on the console, every picture there, tables that sort by mouse and by keys, diagrams that zoom
# and tell what was the case, nothing wider than the screen.
# Usage: tests/browser.sh CUTLINE [DIR]: the pages and pictures of them stay in DIR (cutline-out/browser);
# NO_SCREENSHOTS=1: no pictures, for nobody looks at them.
set -euo pipefail
cutline=$1
folder=${2:-cutline-out/browser}
chromium=$(command -v chromium || command -v chromium-browser || command -v google-chrome) || {
    echo "browser: no chromium: \`make browser\` installs it on Debian as root" >&2
    exit 1
}
mkdir -p "$folder"
folder=$(cd "$folder" && pwd)
profiles=$(mktemp -d)
trap 'rm -rf "$profiles"' EXIT

"$cutline" compare wordcount --strategies stop-the-world,aligned,unaligned --faults crashes --seeds 8..11 \
    --set input.text.kind.text.rate=100/s --set job.operator.count.state-bytes='16 MiB' \
    --capsule-dir "$folder/capsules" --out "$folder/page" >"$folder/table.txt"
# One bug, shrunk; long names, an override, cells that pass, fail in part and fail altogether.
rm -rf "$folder/sweeps"
"$cutline" sweep sum-even-odd --strategy aligned,stop-the-world,first-barrier --faults none,crashes,everything --seeds 0..12 \
    --set input.numbers.kind.numbers.count=500 --no-regressions --out "$folder/sweeps" >"$folder/sweep.txt" || [ $? = 1 ]
"$cutline" report "$folder/sweeps" --out "$folder/sweep.html" >>"$folder/sweep.txt"

# A planted bug, whose run fails (exit code 1) and leaves a capsule.
rm -rf "$folder/bug"
"$cutline" run sum-even-odd --strategy first-barrier --faults crashes --seed 4 --no-forks --capsule-dir "$folder/bug" \
    >"$folder/bug.txt" || [ $? = 1 ]
"$cutline" draw "$folder"/bug/*.json --out "$folder/diagram.html" >>"$folder/table.txt"

# A page with its checks behind it, in a frame, because no window of Chromium is as narrow as a telephone. What the checks find becomes
# the text of one element of the outer page, which the browser prints.
framed() {
    echo "<!DOCTYPE html><html><head><meta charset=utf-8><meta name=color-scheme content='light dark'><title>checks</title></head>"
    echo "<body style='margin:0'><iframe width=$1 height=900 style='border:0' srcdoc=\""
    { cat "$2"; echo "<script>"; cat "$(dirname "$0")/browser-space-time.js" "$(dirname "$0")/$3"; echo "</script>"; } |
        sed 's/&/\&amp;/g; s/"/\&quot;/g'
    echo '"></iframe><output id="checks"></output><script>addEventListener("message", (event) => {'
    echo 'document.getElementById("checks").textContent = event.data; });</script></body></html>'
}

chrome() { # the folder of its profile, and more
    local profile=$1
    shift
    timeout 120 "$chromium" --headless --no-sandbox --disable-gpu --disable-quic --no-first-run --disable-background-networking \
        --disable-component-update --disable-sync --disable-dev-shm-usage --hide-scrollbars --user-data-dir="$profile" \
        --enable-logging=stderr "$@"
}

checked() { # the name, the page, its checks, the width, light or dark
    local name="$1-$4-$5" dark=() found console
    local profile="$profiles/$name" framed="$folder/framed-$name.html"
    [ "$5" = light ] || dark=(--blink-settings=preferredColorScheme=0)
    framed "$4" "$2" "$3" >"$framed"
    if ! chrome "$profile" --window-size=1500,950 "${dark[@]}" --virtual-time-budget=5000 --dump-dom "file://$framed" \
        >"$folder/$name.html" 2>"$folder/$name.log"; then
        echo "browser: $name: chromium failed; see $folder/$name.log"
        return 1
    fi
    rm -f "$framed"
    if [ -z "${NO_SCREENSHOTS:-}" ]; then
        chrome "$profile" --window-size="$4,${HEIGHT:-7000}" "${dark[@]}" --screenshot="$folder/$name.png" "file://$2" 2>/dev/null || true
    fi
    found=$(sed -n 's/.*<output id="checks">\([^<]*\)<.*/\1/p' "$folder/$name.html")
    console=$(grep -c ":CONSOLE" "$folder/$name.log" || true)
    if [ "$found" != "fine at $4, $5" ] || [ "$console" != 0 ]; then
        echo "browser: $name: ${found:-the checks did not run}; $console messages on the console"
        grep ":CONSOLE" "$folder/$name.log" || true
        return 1
    fi
}

passed=0 failed=0
check() { # the name, the page, its checks
    local width scheme pid pids
    for width in 400 1400; do
        pids=()
        for scheme in light dark; do
            checked "$1" "$2" "$3" "$width" "$scheme" &
            pids+=($!)
        done
        for pid in "${pids[@]}"; do
            if wait "$pid"; then passed=$((passed + 1)); else failed=$((failed + 1)); fi
        done
    done
}
check page "$folder/page/index.html" browser.js
check sweep "$folder/sweep.html" browser.js
check diagram "$folder/diagram.html" browser-diagram.js
echo "$passed passed, $failed failed"
[ "$failed" = 0 ]
