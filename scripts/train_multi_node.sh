#!/usr/bin/env bash
# NNODES=4 NODE_RANK=0 MASTER_ADDR=gpu01 bash scripts/train_multi_node.sh experiment=paper/llava_video_7b_16 \
#     paths.videos=/data/videos deepspeed=zero3 train.save_every=200
#
# `llavaction train` on several machines by torchrun: the same command on each, with its own NODE_RANK. The words behind
# the script are passed on; folders that they name are shared by all machines. Activate the environment before.
# Several machines at once, here over ssh (0 runs on the first of them):
#
#   hosts=(gpu01 gpu02 gpu03 gpu04)
#   for i in "${!hosts[@]}"; do
#       ssh "${hosts[$i]}" "cd $PWD && . .venv/bin/activate && NNODES=4 NODE_RANK=$i MASTER_ADDR=${hosts[0]} \
#           bash scripts/train_multi_node.sh experiment=paper/llava_video_7b_16 paths.videos=/data/videos" &
#   done; wait
#
# NNODES         machines of the run (1)
# NODE_RANK      number of this machine, from 0
# MASTER_ADDR    name or address of machine 0, as the others reach it
# MASTER_PORT    a port of machine 0 that is free (29500)
# GPUS_PER_NODE  processes on this machine (one for each of its GPUs)
# NODE_ADDR      address of this machine, where the others do not know it by its host name
# RUN_ID         tells runs apart that share machine and port (llavaction)
#
# Machines may start in any order, within 15 minutes. When one fails, the others end too; the same commands go on from
# the newest checkpoint. Log and metrics are written by the process of rank 0, which may be on any of the machines.
set -euo pipefail

nodes=${NNODES:-1}
rank=${NODE_RANK:-0}
if [ "$nodes" -gt 1 ]; then
    : "${NODE_RANK:?set it to the number of this machine, from 0}"
    : "${MASTER_ADDR:?set it to the address of machine 0}"
fi

arguments=(
    --nnodes "$nodes"
    --node_rank "$rank"
    --nproc_per_node "${GPUS_PER_NODE:-gpu}"
    --rdzv_id "${RUN_ID:-llavaction}"
    --rdzv_backend c10d
    --rdzv_endpoint "${MASTER_ADDR:-127.0.0.1}:${MASTER_PORT:-29500}"
    # Said, as torchrun would guess it from names; and how many seconds machines wait for each other.
    --rdzv_conf "is_host=$([ "$rank" -eq 0 ] && echo 1 || echo 0),join_timeout=900,read_timeout=900"
)
if [ -n "${NODE_ADDR:-}" ]; then
    arguments+=(--local_addr "$NODE_ADDR")
fi
exec python -m torch.distributed.run "${arguments[@]}" -m llavaction train "$@"
