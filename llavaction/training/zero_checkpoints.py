"""DeepSpeed's own files in checkpoints: reading them safely, and for another number of processes.

ZeRO cuts weights and optimiser state into as many pieces as there are processes, and reads back what it wrote. Other
numbers of processes go through DeepSpeed's universal form, in which each weight has its own files.
"""

from __future__ import annotations

import contextlib
import io
import logging
import os
import shutil
import time
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import torch
from transformers.trainer import SCHEDULER_NAME, TRAINER_STATE_NAME

from llavaction.training.agreement import wait_for_all
from llavaction.training.checkpoint_folders import CONVERTED, Saved, partial_folder
from llavaction.utils.errors import CheckpointError
from llavaction.utils.processes import num_processes, process_rank

logger = logging.getLogger(__name__)

_POLL_S = 0.5


def zero_stage(deepspeed: Mapping[str, Any]) -> int:
    """How a DeepSpeed configuration splits the state over the processes; 0 where each has all of it."""
    return int(deepspeed.get("zero_optimization", {}).get("stage", 0))


def needs_conversion(saved: Saved) -> bool:
    """Whether a checkpoint's pieces are of another number of processes than run now."""
    return saved.progress.zero_stage > 0 and saved.progress.num_processes != num_processes()


def reading_universal(deepspeed: Mapping[str, Any]) -> dict[str, Any]:
    """The same DeepSpeed configuration, to go on from a converted checkpoint."""
    return {**deepspeed, "checkpoint": {**deepspeed.get("checkpoint", {}), "load_universal": True}}


def converted(saved: Saved) -> Path:
    """A checkpoint's copy for any number of processes, made now; all processes call this.

    It takes about as much room on the disk as the checkpoint, for a while twice as much. It is deleted when all have
    read it.

    Raises:
        CheckpointError: when DeepSpeed cannot convert it.
    """
    target = saved.folder.with_name(saved.folder.name + CONVERTED)
    # Without this, one process could take an older copy for the one that the first process is about to make.
    wait_for_all()
    if process_rank() == 0:
        _convert(saved, target)
    # Not a barrier: those give up after half an hour, and the copy may take longer.
    while not target.exists():
        time.sleep(_POLL_S)
    return target


@contextlib.contextmanager
def known_classes_only() -> Iterator[None]:
    """Read DeepSpeed's pickled files, which it trusts, as tensors and a few harmless classes, and nothing else."""
    from deepspeed.runtime.fp16.loss_scaler import DynamicLossScaler, LossScaler
    from deepspeed.runtime.zero.config import ZeroStageEnum
    from deepspeed.utils.tensor_fragment import fragment_address

    key = "TORCH_FORCE_WEIGHTS_ONLY_LOAD"
    before = os.environ.get(key)
    os.environ[key] = "1"
    try:
        with torch.serialization.safe_globals([DynamicLossScaler, LossScaler, ZeroStageEnum, fragment_address]):
            yield
    finally:
        del os.environ[key]
        if before is not None:
            os.environ[key] = before


def settle_loaded(engine: Any, groups: Sequence[dict[str, Any]], rates: Sequence[float]) -> None:
    """Mend what DeepSpeed leaves behind when it has read a checkpoint.

    Args:
        engine: DeepSpeed's.
        groups: settings of the optimiser's groups as they were made, in their order.
        rates: learning rate of each at the checkpoint's step.
    """
    if not engine.zero_optimization():
        return
    # Where it reads the universal form, ZeRO-3 gives all groups the settings of the first, and one tensor to count the
    # steps of all of them, which each then counts up.
    for group, made, rate in zip(engine.optimizer.param_groups, groups, rates, strict=True):
        group.update(made, lr=rate)
    for state in engine.optimizer.optimizer.state.values():
        if torch.is_tensor(state.get("step")):
            state["step"] = state["step"].clone()
    if engine.zero_optimization_partition_weights():
        # Small weights are whole now. The first forward pass must find them split, as in a new run: only then does it
        # learn which of them are used outside their own module, and are to be fetched for the backward pass.
        engine.optimizer.checkpoint_event_prologue()


def _convert(saved: Saved, target: Path) -> None:
    from deepspeed.checkpoint import ds_to_universal

    progress = saved.progress
    logger.info("%s is of %d processes; it is converted for %d", saved.folder, progress.num_processes, num_processes())
    unfinished = partial_folder(target)
    tag = (saved.folder / "latest").read_text(encoding="utf-8").strip()
    unfinished.mkdir()
    arguments = SimpleNamespace(
        input_folder=str(saved.folder / tag),
        output_folder=str(unfinished / f"{tag}_universal"),
        num_extract_workers=1,
        num_merge_workers=1,
        keep_temp_folder=False,
        strict=True,
        inject_missing_state=True,
    )
    try:
        with contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(io.StringIO()):
            ds_to_universal.main(arguments)
    except Exception as error:
        raise CheckpointError(
            f"{saved.folder} is of {progress.num_processes} processes, and DeepSpeed cannot convert it for "
            f"{num_processes()} ({type(error).__name__}: {error}); go on with {progress.num_processes} processes"
        ) from error
    for name in (TRAINER_STATE_NAME, SCHEDULER_NAME):
        shutil.copy2(saved.folder / name, unfinished)
    unfinished.rename(target)
