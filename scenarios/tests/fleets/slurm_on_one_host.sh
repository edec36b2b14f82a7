#!/usr/bin/env bash
# Starts a Slurm of one node in the folder $1, on the loopback, runs the command that follows in it, and ends it.
# Needs root, and munged, slurmctld and slurmd (Debian: slurm-wlm, munge). Touches nothing outside of the folder.
set -euo pipefail
folder=$1
shift
mkdir -p "$folder/state" "$folder/spool"
chmod 755 "$folder"
export SLURM_CONF="$folder/slurm.conf"
socket="$folder/munge.socket"
pids=()
end() {
    for pid in "${pids[@]}"; do kill "$pid" 2>/dev/null || true; done
    wait || true
}
trap end EXIT

(umask 077 && head -c 1024 /dev/urandom >"$folder/munge.key")
munged --foreground --force --key-file="$folder/munge.key" --socket="$socket" --pid-file="$folder/munged.pid" \
    --log-file="$folder/munged.log" --seed-file="$folder/munge.seed" >"$folder/munged.out" 2>&1 &
pids+=($!)

cat >"$SLURM_CONF" <<CONF
ClusterName=trial
SlurmctldHost=$(hostname -s)(127.0.0.1)
SlurmctldPort=${SLURM_TEST_PORT:-16817}
SlurmdPort=$((${SLURM_TEST_PORT:-16817} + 1))
SlurmUser=root
SlurmdUser=root
AuthType=auth/munge
AuthInfo=socket=$socket
CredType=cred/munge
ProctrackType=proctrack/pgid
TaskPlugin=task/none
SelectType=select/cons_tres
SelectTypeParameters=CR_CPU
SchedulerType=sched/builtin
SchedulerParameters=batch_sched_delay=1,sched_interval=2,sched_min_interval=100000
StateSaveLocation=$folder/state
SlurmdSpoolDir=$folder/spool
SlurmctldPidFile=$folder/slurmctld.pid
SlurmdPidFile=$folder/slurmd.pid
SlurmctldLogFile=$folder/slurmctld.log
SlurmdLogFile=$folder/slurmd.log
MailProg=/bin/true
ReturnToService=2
JobRequeue=0
SlurmdParameters=config_overrides
NodeName=$(hostname -s) NodeAddr=127.0.0.1 CPUs=4 State=UNKNOWN
PartitionName=night Nodes=$(hostname -s) Default=YES MaxTime=INFINITE State=UP
CONF

until [[ -S "$socket" ]]; do sleep 0.1; done
slurmctld -D -i >"$folder/slurmctld.out" 2>&1 &
pids+=($!)
slurmd -D >"$folder/slurmd.out" 2>&1 &
pids+=($!)
for _ in {1..600}; do
    if sinfo --noheader --format=%T 2>/dev/null | grep -q idle; then
        "$@"
        exit
    fi
    sleep 0.1
done
echo "no node came up: see $folder/slurmctld.log and $folder/slurmd.log" >&2
exit 1
