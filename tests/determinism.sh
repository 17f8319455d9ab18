#!/usr/bin/env bash
# Checks that a seed gives one run: a debug and a release build, many processes at a time, must agree on the digest and
# on the exit code of every run.
#
#   tests/determinism.sh                                builds both, then compares them
#   tests/determinism.sh DEBUG-BINARY RELEASE-BINARY    compares these
set -euo pipefail

scenarios=(wordcount sum-even-odd nexmark-q3 nexmark-q8)
strategies=(stop-the-world aligned)
profiles=(none crashes)
seeds=(1 2 3)

fail() {
    echo "determinism: $*" >&2
    exit 1
}

# one BINARY FILE SCENARIO STRATEGY PROFILE SEED: writes exit code and digest, such as `0 cc6a9b87...`, into the file.
one() {
    local binary="$1" file="$2" code=0 digest
    "$binary" run "$3" --strategy "$4" --faults "$5" --seed "$6" --json --capsule-dir "$file.capsules" \
        >"$file.json" 2>"$file.err" || code=$?
    digest="$(grep -oE '"digest": *"[0-9a-f]+"' "$file.json" | head -n 1 | grep -oE '[0-9a-f]{8,}' || true)"
    echo "$code $digest" >"$file"
}

# The script calls itself for each run, so that xargs can hold several at a time.
if [[ "${1:-}" == --one ]]; then
    shift
    one "$@"
    exit 0
fi

self="$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)/$(basename "${BASH_SOURCE[0]}")"
case $# in
    0)
        cd "$(dirname "$self")/.."
        cargo=${CARGO:-cargo}
        "$cargo" build --locked
        "$cargo" build --locked --release
        target="${CARGO_TARGET_DIR:-target}"
        debug="$target/debug/cutline" release="$target/release/cutline"
        ;;
    2) debug="$1" release="$2" ;;
    *) fail "usage: tests/determinism.sh [DEBUG-BINARY RELEASE-BINARY]" ;;
esac
for binary in "$debug" "$release"; do
    [[ -x "$binary" ]] || fail "$binary is not there, or cannot be run"
done

scratch="$(mktemp -d)"
trap 'rm -rf "$scratch"' EXIT

for scenario in "${scenarios[@]}"; do
    for strategy in "${strategies[@]}"; do
        for profile in "${profiles[@]}"; do
            for seed in "${seeds[@]}"; do
                name="$scenario.$strategy.$profile.$seed"
                for build in debug release; do
                    printf '%s\0' "${!build}" "$scratch/$name.$build" "$scenario" "$strategy" "$profile" "$seed"
                done
            done
        done
    done
done >"$scratch/runs"
# At least four at a time, however few the cores: runs that are interrupted must be the same as runs that are not.
cores="$(getconf _NPROCESSORS_ONLN 2>/dev/null || echo 4)"
xargs -0 -n 6 -P "$((cores > 4 ? cores : 4))" "$self" --one <"$scratch/runs"

wrong=0
compared=0
for file in "$scratch"/*.release; do
    name="$(basename "$file" .release)"
    there="$(cat "$file")" here="$(cat "$scratch/$name.debug")"
    IFS=. read -r scenario strategy profile seed <<<"$name"
    again="cutline run $scenario --strategy $strategy --faults $profile --seed $seed"
    # Usage errors, and what is no exit code of ours (a panic, a signal), give no digest that could be compared.
    for build in debug release; do
        result="$(cat "$scratch/$name.$build")"
        if [[ ! "$result" =~ ^[0134]\ [0-9a-f]+$ ]]; then
            echo "determinism: exit code ${result% *} and no digest, $build build: $again" >&2
            sed 's/^/    /' "$scratch/$name.$build.err" >&2
            wrong=$((wrong + 1))
            continue 2
        fi
    done
    if [[ "$here" != "$there" ]]; then
        echo "determinism: debug gives $here, release gives $there: $again" >&2
        wrong=$((wrong + 1))
    fi
    compared=$((compared + 1))
done
expected=$((${#scenarios[@]} * ${#strategies[@]} * ${#profiles[@]} * ${#seeds[@]}))
((wrong == 0)) || fail "$wrong of $expected runs differ or have failed"
((compared == expected)) || fail "$compared runs were compared, not $expected"

# Equal digests say something only if what differs gives digests that differ.
different="$(cat "$scratch"/*.crashes.*.release | sort -u | wc -l)"
((different == expected / ${#profiles[@]})) ||
    fail "runs with different seeds or strategies have the same digest: it does not look at the run"

echo "determinism: $compared runs, the same digests in debug and in release builds"
