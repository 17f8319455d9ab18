#!/usr/bin/env bash
# Checks that a seed gives one digest: in a debug and in an optimised build, in every process, with any number of threads.
# Usage: tests/determinism.sh DEBUG OPTIMISED, two builds of scenarios/examples/digests.rs.
set -euo pipefail

debug="${1:?usage: tests/determinism.sh DEBUG OPTIMISED}"
optimised="${2:?usage: tests/determinism.sh DEBUG OPTIMISED}"
scratch="$(mktemp -d)"
trap 'rm -rf "$scratch"' EXIT

fail() {
    echo "determinism: $*" >&2
    exit 1
}

"$debug" 2 >"$scratch/debug"
"$optimised" 2 >"$scratch/optimised"
"$optimised" 1 >"$scratch/alone"

for other in optimised alone; do
    diff "$scratch/debug" "$scratch/$other" >"$scratch/differ" || {
        head -n 20 "$scratch/differ" >&2
        fail "debug on 2 threads (<) and $other (>) differ in $(grep -c '^<' "$scratch/differ") runs"
    }
done

# Equal digests say nothing if nothing changes them: with another seed every job must have another one under every strategy.
runs=$(wc -l <"$scratch/debug")
same=$(awk '{ of = $1 " under " $2; if (seen[of] == $NF) print of; seen[of] = $NF }' "$scratch/debug")
[[ -z "$same" ]] || fail "two seeds give one digest: $same"
bugs=$(grep -cv ' pass ' "$scratch/debug" || true)
((runs >= 400)) || fail "only $runs runs: this proves nothing"
((bugs > 10)) || fail "only $bugs of the runs fail, although there are planted bugs among them"

echo "determinism: $runs runs, $bugs of them failing, have the same digests in 2 builds, 3 processes, on 1 and 2 threads"
