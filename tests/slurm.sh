#!/usr/bin/env bash
# Runs docs/ci/slurm.sh on a real Slurm: an array of four tasks, one of which is started twice, and a second job that joins what they
# have done. The result must be that of one sweep, byte for byte. Slurm is started for this alone, on this machine and its loopback
# interface, as root and without systemd; everything is stopped and removed at the end. Usage: tests/slurm.sh BINARY
set -euo pipefail

cutline="$(realpath "${1:?usage: tests/slurm.sh BINARY}")"
script="$(realpath "$(dirname "$0")/../docs/ci/slurm.sh")"
# With a planted bug, so that there are failures to join.
sweep=(sum-even-odd --strategy 'aligned,first-barrier' --faults 'crashes,none' --seeds 0..8
    --set input.numbers.kind.numbers.count=2000)
# How long anything may take, in seconds.
patience=240

fail() {
    echo "slurm: $*" >&2
    exit 1
}

((EUID == 0)) || fail "call this as root: it starts the daemons of Slurm"
if ! { command -v sbatch && command -v slurmctld && command -v slurmd && command -v munged; } >/dev/null; then
    echo "slurm: installing slurm-wlm and munge"
    { apt-get update && apt-get install -y --no-install-recommends slurm-wlm munge; } >/dev/null </dev/null ||
        fail "there is no Slurm here, and apt-get cannot install slurm-wlm and munge"
fi

# Munge wants a short path that nobody else can write to.
scratch="$(mktemp -d /tmp/cutline-slurm.XXXXXX)"
chmod 755 "$scratch"
export SLURM_CONF="$scratch/slurm.conf"
daemons=()

stop() {
    local code=$? at
    trap - EXIT
    if ((code != 0)); then
        tail -n 20 "$scratch"/*.log "$scratch"/work/slurm-*.out >&2 2>/dev/null || true
    fi
    # Only this Slurm: SLURM_CONF leads to no other.
    if ((${#daemons[@]} > 1)); then
        timeout 10 scancel --user=root 2>/dev/null || true
        for _ in $(seq 20); do
            [[ -n "$(timeout 10 squeue --noheader 2>/dev/null)" ]] || break
            sleep 0.5
        done
    fi
    # The last one first: the others need munged.
    for ((at = ${#daemons[@]} - 1; at >= 0; at--)); do
        kill "${daemons[at]}" 2>/dev/null || true
        wait "${daemons[at]}" 2>/dev/null || true
    done
    rm -rf "$scratch"
    exit "$code"
}
trap stop EXIT
trap 'exit 130' INT TERM

# until WHAT COMMAND...: waits until it succeeds.
wait_until() {
    local what="$1" _
    shift
    for _ in $(seq $((2 * patience))); do
        "$@" >/dev/null 2>&1 && return
        sleep 0.5
    done
    fail "waited $patience s for $what"
}

# A port of the loopback interface on which nobody listens.
free_port() {
    local port
    for _ in $(seq 100); do
        port=$((20000 + RANDOM % 20000))
        (exec 3<>"/dev/tcp/127.0.0.1/$port") 2>/dev/null || { echo "$port" && return; }
    done
    return 1
}

host="$(hostname -s)"
mkdir "$scratch/munge" "$scratch/state" "$scratch/spool" "$scratch/work"
chmod 755 "$scratch/munge"
head -c 1024 /dev/urandom >"$scratch/munge.key"
chmod 400 "$scratch/munge.key"
cat >"$SLURM_CONF" <<END
ClusterName=cutline
SlurmctldHost=$host(127.0.0.1)
SlurmctldPort=$(free_port)
SlurmdPort=$(free_port)
# Bind to the address, not to every interface.
CommunicationParameters=NoCtldInAddrAny,NoInAddrAny
SlurmUser=root
SlurmdUser=root
AuthType=auth/munge
# A job that is to start again waits until its former credential is no longer good: two minutes, unless told otherwise.
AuthInfo=socket=$scratch/munge/socket,cred_expire=5
CredType=cred/munge
StateSaveLocation=$scratch/state
SlurmdSpoolDir=$scratch/spool
SlurmctldPidFile=$scratch/slurmctld.pid
SlurmdPidFile=$scratch/slurmd.pid
SlurmctldLogFile=$scratch/slurmctld.log
SlurmdLogFile=$scratch/slurmd.log
ProctrackType=proctrack/pgid
TaskPlugin=task/none
SelectType=select/cons_tres
SelectTypeParameters=CR_CPU
MpiDefault=none
ReturnToService=2
KillWait=2
NodeName=$host NodeAddr=127.0.0.1 CPUs=$(nproc) State=UNKNOWN
PartitionName=all Nodes=ALL Default=YES MaxTime=INFINITE State=UP
END

munged --foreground --key-file="$scratch/munge.key" --socket="$scratch/munge/socket" --pid-file="$scratch/munge/pid" \
    --log-file="$scratch/munge/munged.log" --seed-file="$scratch/munge/seed" >"$scratch/munged.log" 2>&1 &
daemons+=($!)
wait_until "munged" munge --socket="$scratch/munge/socket" --no-input
slurmctld -D -f "$SLURM_CONF" >"$scratch/slurmctld.out.log" 2>&1 &
daemons+=($!)
wait_until "slurmctld" scontrol ping
slurmd -D -f "$SLURM_CONF" >"$scratch/slurmd.out.log" 2>&1 &
daemons+=($!)
is_idle() {
    [[ "$(sinfo --noheader --format=%T)" == idle ]]
}
wait_until "the node" is_idle

cd "$scratch/work"
export CUTLINE="$cutline"
# Four tasks, two CPUs or fewer: one waits for the other, so that they do not begin together.
job="$(sbatch --parsable --array=0-3 --cpus-per-task=1 "$script" "${sweep[@]}")"
all="cutline-out/slurm-$job"
# One task is started again, as after the loss of a machine.
is_begun() {
    [[ -e "$all/part-0/latest/sweep.json" ]]
}
wait_until "the first task" is_begun
scontrol requeue "${job}_0"
code=0
timeout "$patience" sbatch --wait --dependency=afterany:"$job" --cpus-per-task=1 "$script" merge "$job" >/dev/null || code=$?
((code == 1)) || fail "the merge ends with exit code $code, and the planted bug asks for 1"

code=0
"$cutline" sweep "${sweep[@]}" --out one --no-regressions >/dev/null 2>&1 || code=$?
((code == 1)) || fail "the sweep ends with exit code $code, and the planted bug asks for 1"
for name in runs.csv failures.ndjson; do
    cmp "one/latest/$name" "$all/whole/latest/$name" || fail "the parts do not give the same $name as one sweep"
done
whole="$(wc -l <one/latest/runs.csv)"
for part in 0 1 2 3; do
    rows="$(wc -l <"$all/part-$part/latest/runs.csv")"
    ((rows > 1 && rows < whole)) || fail "task $part has done $rows of $whole lines: that is no part"
done
restarts="$(scontrol show job "${job}_0" | grep -o 'Restarts=[0-9]*')"
[[ "$restarts" == Restarts=1 ]] || fail "the first task was not started again: $restarts"
[[ -s "$all/junit.xml" ]] || fail "there is no JUnit file"

version="$(sbatch --version)"
echo "slurm: an array of 4 tasks under $version, one started twice, joined to $((whole - 1)) runs: the same as one sweep"
