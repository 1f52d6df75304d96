"""How many threads computing takes, beside the processes that load clips."""

from __future__ import annotations

import os

import torch


def share_cores(num_workers: int) -> None:
    """On a CPU, leave a core to each loading process; nothing where OMP_NUM_THREADS is set or a GPU computes.

    With more threads than cores they wait for each other: on two cores, one thread and one worker train the toy
    model faster than two threads and one worker.
    """
    if torch.cuda.is_available() or "OMP_NUM_THREADS" in os.environ:
        return
    num_cores = (os.cpu_count() or 1) // int(os.environ.get("LOCAL_WORLD_SIZE", "1"))
    torch.set_num_threads(max(1, num_cores - num_workers))
