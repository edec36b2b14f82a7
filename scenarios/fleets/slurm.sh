#!/usr/bin/env bash
#SBATCH --job-name=trial
#SBATCH --array=1-8
#SBATCH --cpus-per-task=1
#SBATCH --output=trial-%A-%a.txt
#
# A night of seeds as an array of Slurm tasks; OUT lies on a file system that all nodes share:
#
#     OUT=night sbatch --wait scenarios/fleets/slurm.sh everything_at_once --seeds 0..100000; trial merge night
#
# Another number of tasks: SHARDS=32 sbatch --array=1-32 ... A task ends with Trial's exit status: 1, 3, 4 or 5 if it
# found something. One was killed, or ran out of time? Submit the whole array again: tasks that had finished end at
# once, the others go on where they were. (One task alone is refused: its array would have another count.) `sbatch
# --wait` does not tell that a task was killed; `trial merge` does, and names it.
set -euo pipefail
exec "${TRIAL:-trial}" sweep "$@" --jobs "${SLURM_CPUS_PER_TASK:-1}" --shard "auto/${SHARDS:-8}" --out "${OUT:-night}"
