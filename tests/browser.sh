#!/usr/bin/env bash
# Opens the page of a comparison and that of a sweep in a headless Chromium, at 400 and at 1400 points, light and dark, and sees that nothing is wrong:
# no error on the console, every picture there, tables that sort by mouse and by keys, nothing wider than the screen.
# Usage: tests/browser.sh CUTLINE [DIR]: the pages and pictures of them stay in DIR (cutline-out/browser).
set -euo pipefail
cutline=$1
folder=${2:-cutline-out/browser}
chromium=$(command -v chromium || command -v chromium-browser || command -v google-chrome) || {
    echo "browser: no chromium: \`make browser\` installs it on Debian as root" >&2
    exit 1
}
mkdir -p "$folder"
folder=$(cd "$folder" && pwd)
profile=$(mktemp -d)
trap 'rm -rf "$profile"' EXIT

"$cutline" compare wordcount --strategies stop-the-world,aligned,unaligned --faults crashes --seeds 8..11 \
    --set input.text.kind.text.rate=100/s --set job.operator.count.state-bytes='16 MiB' \
    --capsule-dir "$folder/capsules" --out "$folder/page" >"$folder/table.txt"
# One bug, shrunk; long names, an override, cells that pass, fail in part and fail altogether.
rm -rf "$folder/sweeps"
"$cutline" sweep sum-even-odd --strategy aligned,stop-the-world,first-barrier --faults none,crashes,everything --seeds 0..12 \
    --set input.numbers.kind.numbers.count=500 --no-regressions --out "$folder/sweeps" >"$folder/sweep.txt" || [ $? = 1 ]
"$cutline" report "$folder/sweeps" --out "$folder/sweep.html" >>"$folder/sweep.txt"

# A page with the checks behind it, in a frame of some width, because no window of Chromium is as narrow as a telephone. What the checks find becomes
# the text of one element of the outer page, which the browser prints.
framed() {
    echo "<!DOCTYPE html><html><head><meta charset=utf-8><meta name=color-scheme content='light dark'><title>checks</title></head>"
    echo "<body style='margin:0'><iframe width=$1 height=900 style='border:0' srcdoc=\""
    { cat "$2"; echo "<script>"; cat "$(dirname "$0")/browser.js"; echo "</script>"; } |
        sed 's/&/\&amp;/g; s/"/\&quot;/g'
    echo '"></iframe><output id="checks"></output><script>addEventListener("message", (event) => {'
    echo 'document.getElementById("checks").textContent = event.data; });</script></body></html>'
}

chrome() {
    timeout 120 "$chromium" --headless --no-sandbox --disable-gpu --disable-quic --no-first-run --disable-background-networking \
        --disable-component-update --disable-sync --disable-dev-shm-usage --hide-scrollbars --user-data-dir="$profile" \
        --enable-logging=stderr "$@"
}

passed=0 failed=0
# Opens a page in one width and one scheme; its name, the page, the width, the scheme.
open() {
    local dark=() found console
    [ "$4" = light ] || dark=(--blink-settings=preferredColorScheme=0)
    framed "$3" "$2" >"$folder/framed.html"
    if ! chrome --window-size=1500,950 "${dark[@]}" --virtual-time-budget=5000 --dump-dom "file://$folder/framed.html" \
        >"$folder/$1.html" 2>"$folder/$1.log"; then
        echo "browser: $1: chromium failed; see $folder/$1.log"
        failed=$((failed + 1))
        return
    fi
    found=$(sed -n 's/.*<output id="checks">\([^<]*\)<.*/\1/p' "$folder/$1.html")
    console=$(grep -c ":CONSOLE" "$folder/$1.log" || true)
    if [ "$found" = "fine at $3, $4" ] && [ "$console" = 0 ]; then
        passed=$((passed + 1))
    else
        echo "browser: $1: ${found:-the checks did not run}; $console messages on the console"
        grep ":CONSOLE" "$folder/$1.log" || true
        failed=$((failed + 1))
    fi
    chrome --window-size="$3,${HEIGHT:-7000}" "${dark[@]}" --screenshot="$folder/$1.png" "file://$2" 2>/dev/null || true
}
for width in 400 1400; do
    for scheme in light dark; do
        open "$width-$scheme" "$folder/page/index.html" "$width" "$scheme"
        open "sweep-$width-$scheme" "$folder/sweep.html" "$width" "$scheme"
    done
done
rm -f "$folder/framed.html"
echo "$passed passed, $failed failed"
[ "$failed" = 0 ]
