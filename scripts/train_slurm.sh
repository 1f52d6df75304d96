#!/usr/bin/env bash
# sbatch --nodes 4 scripts/train_slurm.sh experiment=paper/llava_video_7b_16 paths.videos=/data/videos train.save_every=200
# sbatch --nodes 1 --gpus-per-node 2 --ntasks-per-node 2 scripts/train_slurm.sh model.checkpoint=FOLDER ...
#
# `llavaction train` on the nodes of a SLURM job, a task per GPU; the arguments are passed on, and need deepspeed=zero2 or
# zero3 for large models. Activate the environment before sbatch: jobs inherit it.
#
# Five minutes before the time is up, and when the job is preempted, SLURM sends SIGTERM: the run finishes its step,
# saves a checkpoint and exits with code 143. The job is then queued again and goes on from there. After a crash (any
# other code) it is not; the same sbatch command goes on from the newest checkpoint.
#SBATCH --job-name=llavaction
#SBATCH --output=slurm-%j.log
#SBATCH --open-mode=append
#SBATCH --ntasks-per-node=8
#SBATCH --gpus-per-node=8
#SBATCH --cpus-per-task=8
#SBATCH --time=24:00:00
#SBATCH --signal=TERM@300
#SBATCH --requeue
set -euo pipefail

MASTER_ADDR=$(scontrol show hostnames "$SLURM_JOB_NODELIST" | head -n 1)
MASTER_PORT=$((20000 + SLURM_JOB_ID % 20000))
export MASTER_ADDR="${LLAVACTION_MASTER_ADDR:-$MASTER_ADDR}" MASTER_PORT

# What torchrun would tell each process. Without it between them, signals reach the processes at once, and nothing kills
# them while they save.
task='export RANK=$SLURM_PROCID LOCAL_RANK=$SLURM_LOCALID WORLD_SIZE=$SLURM_NTASKS
export LOCAL_WORLD_SIZE=$((SLURM_NTASKS / SLURM_NNODES))
exec python -m llavaction train "$@"'

code=0
# Processes end together; one that crashed must not leave the others waiting for it.
srun --kill-on-bad-exit=0 --wait=60 bash -c "$task" llavaction "$@" || code=$?
if [ "$code" -eq 143 ]; then
    echo "told to stop: queued again"
    scontrol requeue "$SLURM_JOB_ID"
fi
exit "$code"
