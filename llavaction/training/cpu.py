"""Training without a GPU: what DeepSpeed and accelerate have to be told, as each guesses for itself."""

from __future__ import annotations

import os


def settle_on_cpu(with_deepspeed: bool) -> None:
    """Make both use the CPU in this process; call it before either starts."""
    os.environ.setdefault("DS_ACCELERATOR", "cpu")
    if not with_deepspeed:
        # Beside DeepSpeed it would leave DeepSpeed out, without a word.
        os.environ.setdefault("ACCELERATE_USE_CPU", "true")
        return
    import deepspeed.ops

    # Processes talk through gloo. DeepSpeed's own way would be compiled first, for a minute, and a run that is killed
    # meanwhile leaves a lock for which all later ones wait.
    deepspeed.ops.__compatible_ops__["deepspeed_shm_comm"] = False
