#!/bin/bash
# A sweep on many machines, by Slurm: each task of an array does a part of it, and a second job joins the parts.
#
#     job=$(sbatch --parsable --array=0-15 docs/ci/slurm.sh wordcount collatz --strategy all --faults crashes,messages --seeds 0..10000)
#     sbatch --dependency=afterany:"$job" --cpus-per-task=1 docs/ci/slurm.sh merge "$job"
#
# The arguments are those of `cutline sweep`; any other array without gaps will do. All machines must see the folder in which `sbatch`
# is called, and all tasks must find the same program: `cutline` in the path, or CUTLINE. What is left is in
# `cutline-out/slurm-JOB`: the parts, the whole, and `junit.xml`. The exit code of the second job is that of the whole sweep.
#
# A task that failed for another reason than a failing run is started again by `scontrol requeue JOB_TASK`, and goes on where it was. (A
# new `sbatch --array=5` would be another array, of one task.)
#
#SBATCH --job-name=cutline
#SBATCH --ntasks=1
#SBATCH --cpus-per-task=4
#SBATCH --time=04:00:00
#SBATCH --requeue
set -euo pipefail

cutline="${CUTLINE:-cutline}"
jobs="${SLURM_CPUS_PER_TASK:-1}"

if [[ "${1:-}" == merge ]]; then
    all="cutline-out/slurm-${2:?usage: slurm.sh merge JOB}"
    exec "$cutline" merge "$all"/part-* --out "$all/whole" --junit "$all/junit.xml"
fi

part="cutline-out/slurm-${SLURM_ARRAY_JOB_ID:?submit this with sbatch --array=0-15}/part-$SLURM_ARRAY_TASK_ID"
# Slurm starts a task again whose machine has failed, or was needed for something else.
if [[ -e "$part/latest/sweep.json" ]]; then
    exec "$cutline" sweep --resume "$part" --jobs "$jobs"
fi
exec "$cutline" sweep "$@" --partition auto --out "$part" --jobs "$jobs"
