#!/usr/bin/env bash
# Checks that a seed gives one digest: in a debug and in an optimised build, in every process, and in the replay of
# a capsule by the other build. Usage: tests/determinism.sh DEBUG-BINARY RELEASE-BINARY
set -euo pipefail

debug="${1:?usage: tests/determinism.sh DEBUG-BINARY RELEASE-BINARY}"
release="${2:?usage: tests/determinism.sh DEBUG-BINARY RELEASE-BINARY}"
# Small ones with an even spread over the operators; a debug build takes long over large ones.
scenarios=(wordcount nexmark-q3 sum-even-odd collatz)
# A fault profile and a seed.
runs=("crashes 1" "crashes 2" "everything 1")
# A planted bug needs some luck to be found, so that there is a capsule to replay.
bug_seeds=$(seq 1 20)

scratch="$(mktemp -d)"
trap 'rm -rf "$scratch"' EXIT
compared=0
refused=0

fail() {
    echo "determinism: $*" >&2
    exit 1
}

# The names that `cutline list` gives.
names() {
    "$release" list "$1" --json | grep -oE '"name": *"[^"]+"' | sed -E 's/.*"([^"]+)"$/\1/'
}

# run BINARY ARGUMENTS...: exit code and digest, such as `0 5f3a...`.
run() {
    local binary="$1" code=0 digest
    shift
    "$binary" run "$@" --json --capsule-dir "$scratch/capsules" \
        >"$scratch/out" 2>"$scratch/err" || code=$?
    # Above 4 there is no exit code of ours: a panic or a signal.
    if ((code > 4)); then
        cat "$scratch/err" >&2
        fail "exit code $code: $binary run $*"
    fi
    digest="$(grep -oE '"digest": *"[0-9a-f]+"' "$scratch/out" | head -n 1 | grep -oE '[0-9a-f]{8,}' || true)"
    if [[ -z "$digest" ]] && ((code != 2)); then
        cat "$scratch/err" >&2
        fail "no digest: $binary run $*"
    fi
    echo "$code $digest"
}

# compare ARGUMENTS...: the same run in every way that must not matter.
compare() {
    local first other
    first="$(run "$release" "$@")"
    other="$(run "$release" "$@")"
    [[ "$first" == "$other" ]] || fail "one process gives $first, another $other: run $*"
    other="$(run "$debug" "$@")"
    [[ "$first" == "$other" ]] || fail "release gives $first, debug gives $other: run $*"
    if [[ "$first" == 2* ]]; then
        # A strategy may refuse a job with a cycle, and nothing else may be refused here.
        grep -q 'cycle' "$scratch/err" || { cat "$scratch/err" >&2; fail "refused: run $*"; }
        refused=$((refused + 1))
    else
        compared=$((compared + 1))
    fi
}

# The first capsule that a planted bug leaves.
leave_capsule() {
    local bug seed
    for bug in $(names bugs); do
        for seed in $bug_seeds; do
            run "$release" wordcount --strategy "$bug" --faults crashes --seed "$seed" >/dev/null
            find "$scratch/capsules" -type f 2>/dev/null | sort | head -n 1 | grep . && return 0
        done
    done
    return 1
}

strategies="$(names strategies)" || fail "\`$release list strategies --json\` names none"
for scenario in "${scenarios[@]}"; do
    for strategy in $strategies; do
        for profile_and_seed in "${runs[@]}"; do
            read -r profile seed <<<"$profile_and_seed"
            compare "$scenario" --strategy "$strategy" --faults "$profile" --seed "$seed"
        done
    done
done
((compared > refused)) || fail "$refused runs were refused and only $compared compared: this proves nothing"

# A seed must matter, or equal digests say nothing.
one="$(run "$release" wordcount --faults crashes --seed 1)"
two="$(run "$release" wordcount --faults crashes --seed 2)"
[[ "$one" != "$two" ]] || fail "seeds 1 and 2 of wordcount give the same: $one"

rm -rf "$scratch/capsules"
replayed="no planted bug to replay"
if [[ -n "$(names bugs || true)" ]]; then
    capsule="$(leave_capsule)" || fail "no planted bug left a capsule"
    for binary in "$release" "$debug"; do
        code=0
        "$binary" replay "$capsule" >"$scratch/out" 2>"$scratch/err" || code=$?
        if ((code != 1 && code != 3)); then
            cat "$scratch/err" >&2
            fail "the capsule of a planted bug, replayed by $binary, ends with exit code $code"
        fi
    done
    replayed="1 capsule replayed by both builds"
fi

echo "determinism: $compared runs compared in 2 builds and 3 processes each, $refused refused by their strategies; $replayed"
