"""The processes of a run together: folders that all of them fill, and the checkpoint that all of them see."""

from __future__ import annotations

import logging
from collections.abc import Callable
from pathlib import Path

from accelerate import PartialState
from accelerate.utils import gather_object
from torch import distributed
from transformers.trainer import TRAINING_ARGS_NAME

from llavaction.training.checkpoint_folders import Saved, partial_folder
from llavaction.utils.errors import CheckpointError
from llavaction.utils.processes import num_processes, process_rank

logger = logging.getLogger(__name__)


def write_whole(folder: Path, write: Callable[[Path], None], complete: Callable[[Path], None]) -> None:
    """Have all processes fill a folder that appears under its name when everything is in it.

    Args:
        write: called by every process with the folder's other name.
        complete: called by the first process when all have written.
    """
    unfinished = partial_folder(folder)
    write(unfinished)
    wait_for_all()
    if process_rank() == 0:
        # transformers leaves a pickle of its arguments, which nothing reads.
        (unfinished / TRAINING_ARGS_NAME).unlink(missing_ok=True)
        complete(unfinished)
        unfinished.rename(folder)
    wait_for_all()


def wait_for_all() -> None:
    """Return when every process has come here."""
    if distributed.is_initialized():
        PartialState().wait_for_everyone()


def check_agreed(run_folder: Path, saved: Saved | None) -> None:
    """Make sure that all processes go on from the same checkpoint.

    Raises:
        CheckpointError: when they see different ones.
    """
    steps = gather_object([0 if saved is None else saved.progress.step])
    if len(set(steps)) > 1:
        raise CheckpointError(
            f"processes see different checkpoints in {run_folder} (newest steps: {steps}, 0 for none); output= must be "
            "a folder on a disk that all machines share"
        )


def tell_processes(saved: Saved, dropout: float) -> None:
    """Log what another number of processes than wrote a checkpoint changes: the order of samples, and what each step
    computes from them, stay; dropout draws other numbers."""
    before, now = saved.progress.num_processes, num_processes()
    if before != now:
        logger.info("the number of processes is %d instead of %d; the samples of each step stay", now, before)
        if dropout:
            logger.warning("lora.dropout = %g draws other numbers than on %d processes", dropout, before)
