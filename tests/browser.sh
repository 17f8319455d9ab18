#!/usr/bin/env bash
# Opens the page of a comparison in a headless Chromium, at 400 and at 1400 points, light and dark, and sees that nothing is wrong:
# no error on the console, every picture there, tables that sort by mouse and by keys, nothing wider than the screen.
# Usage: tests/browser.sh CUTLINE [DIR]: the page and pictures of it stay in DIR (cutline-out/browser).
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

# The page with the checks behind it. What they find becomes the text of one element, which the browser prints.
checked="$folder/page/checked.html"
{
    cat "$folder/page/index.html"
    echo "<script>"
    cat "$(dirname "$0")/browser.js"
    echo "</script>"
} >"$checked"

chrome() {
    timeout 120 "$chromium" --headless --no-sandbox --disable-gpu --disable-quic --no-first-run --disable-background-networking \
        --disable-component-update --disable-sync --disable-dev-shm-usage --hide-scrollbars --user-data-dir="$profile" \
        --enable-logging=stderr "$@"
}

passed=0 failed=0
for width in 400 1400; do
    for scheme in light dark; do
        dark=()
        [ "$scheme" = light ] || dark=(--blink-settings=preferredColorScheme=0)
        name="$width-$scheme"
        if ! chrome --window-size="$width,900" "${dark[@]}" --virtual-time-budget=2000 --dump-dom "file://$checked" \
            >"$folder/$name.html" 2>"$folder/$name.log"; then
            echo "browser: $name: chromium failed; see $folder/$name.log"
            failed=$((failed + 1))
            continue
        fi
        found=$(sed -n 's/.*<output id="checks">\([^<]*\)<.*/\1/p' "$folder/$name.html")
        console=$(grep -c ":CONSOLE" "$folder/$name.log" || true)
        if [ "$found" = "fine at $width, $scheme" ] && [ "$console" = 0 ]; then
            passed=$((passed + 1))
        else
            echo "browser: $name: ${found:-the checks did not run}; $console messages on the console"
            grep ":CONSOLE" "$folder/$name.log" || true
            failed=$((failed + 1))
        fi
        chrome --window-size="$width,${HEIGHT:-7000}" "${dark[@]}" --screenshot="$folder/$name.png" "file://$folder/page/index.html" \
            2>/dev/null || true
    done
done
rm -f "$checked"
echo "$passed passed, $failed failed"
[ "$failed" = 0 ]
