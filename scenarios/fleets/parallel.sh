#!/usr/bin/env bash
# A night of seeds on the cores of one machine, by GNU parallel:
#
#     SHARDS=8 OUT=night scenarios/fleets/parallel.sh everything_at_once --seeds 0..100000
#
# Killed, or the machine restarted? The same command again: each worker goes on where it was.
# Several machines that share the folder: add `--sshlogin host1,host2 --workdir . --env TRIAL_SHARDS` below.
set -euo pipefail
export TRIAL_SHARDS="${SHARDS:-$(nproc)}"
out="${OUT:-night}"
trial="${TRIAL:-trial}"

# PARALLEL_SEQ is the worker's number. A worker that found something ends with 1, 3, 4 or 5: no reason to stop the
# others. `--quote`: an argument such as `cluster.config."a.b"=1` arrives as it is.
seq "$TRIAL_SHARDS" | parallel --will-cite --quote -N0 --jobs "${JOBS:-$TRIAL_SHARDS}" --joblog "$out.joblog" \
    "$trial" sweep "$@" --jobs 1 --shard auto --out "$out" >"$out.log" 2>&1 || true

# Refuses to join if a shard is missing or was not finished; its exit status is that of the whole sweep.
exec "$trial" merge "$out"
