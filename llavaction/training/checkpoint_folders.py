"""The checkpoints in a run folder: which are whole, which one is the best, which may go. No torch.

`checkpoint-N/` is what a run was after N steps, and can be evaluated by itself. It appears under its name when
everything of every process is in it, and loses that name before it is deleted, so it is whole as long as it has it.
Inside, `progress.json` says how far the run was. Beside it, `best.json` names the best by `train.keep_best_by`.
"""

from __future__ import annotations

import logging
import re
import shutil
from dataclasses import asdict, dataclass, field
from pathlib import Path

from llavaction.training.config import CHECKPOINT
from llavaction.utils.errors import CheckpointError, DataError
from llavaction.utils.jsonl import read_json, write_json

logger = logging.getLogger(__name__)

PROGRESS_FILE = "progress.json"
BEST_FILE = "best.json"
PARTIAL = ".partial"
"""Ending of folders that are being written or deleted."""
CONVERTED = ".converted"
"""Ending of a checkpoint's copy for another number of processes; needed while a run starts."""
DAMAGED = ".damaged"
"""Ending of checkpoints whose files are not what was written; left for the user to look at."""


@dataclass(frozen=True)
class Progress:
    """How far a run was, and what its files need to be read.

    Attributes:
        step: optimiser steps done.
        num_samples_used: items of the sample stream used up.
        samples_per_step: of the whole run; it goes on with the same.
        num_processes: that wrote the checkpoint.
        zero_stage: how DeepSpeed split the state over them; 0 where each had all of it.
        metrics: logged at this very step.
        files: size of each file in bytes, by its path inside the folder.
    """

    step: int
    num_samples_used: int
    samples_per_step: int
    num_processes: int
    zero_stage: int
    metrics: dict[str, float] = field(default_factory=dict)
    files: dict[str, int] = field(default_factory=dict)

    def save(self, folder: Path) -> None:
        """Write it into a checkpoint."""
        write_json(folder / PROGRESS_FILE, asdict(self))

    @classmethod
    def load(cls, folder: Path) -> Progress:
        """What a checkpoint says.

        Raises:
            CheckpointError: when it says nothing, as those of earlier versions.
        """
        path = folder / PROGRESS_FILE
        try:
            return cls(**read_json(path))
        except (DataError, TypeError) as error:
            raise CheckpointError(
                f"{path} cannot be read ({error}), so no run can go on from this checkpoint; move it out of "
                f"{folder.parent}"
            ) from None


@dataclass(frozen=True)
class Saved:
    """A checkpoint of a run."""

    folder: Path
    progress: Progress


def checkpoint_folder(run_folder: Path, step: int) -> Path:
    """Where the checkpoint of a step lies."""
    return run_folder / f"{CHECKPOINT}-{step}"


def partial_folder(folder: Path) -> Path:
    """What `folder` is called until it is whole."""
    return folder.with_name(folder.name + PARTIAL)


def saved_checkpoints(run_folder: Path) -> list[Saved]:
    """All that are whole, by step; damaged ones are left out.

    Raises:
        CheckpointError: see `Progress.load`.
    """
    saved = [Saved(folder, Progress.load(folder)) for folder in _numbered(run_folder)]
    return sorted((one for one in saved if damage(one) is None), key=lambda one: one.progress.step)


def newest_checkpoint(run_folder: Path) -> Saved | None:
    """The one that a run goes on from; None for a new run."""
    return next(reversed(saved_checkpoints(run_folder)), None)


def damage(saved: Saved) -> str | None:
    """The first file that is not as it was written, as after a machine's failure; None when all are."""
    for name, size in saved.progress.files.items():
        path = saved.folder / name
        found = path.stat().st_size if path.is_file() else None
        if found != size:
            return f"{path} has {found} bytes instead of {size}" if found is not None else f"{path} is missing"
    return None


def clean_up(run_folder: Path) -> int:
    """Remove what a killed run left unfinished, and return how many folders that were."""
    unfinished = [*run_folder.glob(f"{CHECKPOINT}*{PARTIAL}"), *run_folder.glob(f"{CHECKPOINT}-*{CONVERTED}")]
    for folder in unfinished:
        shutil.rmtree(folder)
    if unfinished:
        names = ", ".join(sorted(folder.name for folder in unfinished))
        logger.info("removed %d unfinished checkpoints that a killed run left: %s", len(unfinished), names)
    return len(unfinished)


def set_damaged_aside(run_folder: Path) -> None:
    """Give damaged checkpoints another name, so that new ones of the same steps can take theirs."""
    for folder in _numbered(run_folder):
        problem = damage(Saved(folder, Progress.load(folder)))
        if problem is not None:
            aside = folder.with_name(folder.name + DAMAGED)
            shutil.rmtree(aside, ignore_errors=True)
            folder.rename(aside)
            logger.warning("%s: no run can go on from this checkpoint, it is now %s", problem, aside.name)


def file_sizes(folder: Path) -> dict[str, int]:
    """Size of each file below `folder`, by its path inside it."""
    paths = sorted(path for path in folder.rglob("*") if path.is_file())
    return {path.relative_to(folder).as_posix(): path.stat().st_size for path in paths}


def is_better(metric: str, value: float, other: float) -> bool:
    """Whether `value` beats `other`: lower for losses, higher for everything else."""
    return value < other if metric.endswith("loss") else value > other


def best_checkpoint(saved: list[Saved], metric: str) -> Saved | None:
    """The best by `metric`, the earliest of equals; None where none has a value."""
    best: Saved | None = None
    for one in saved:
        value = one.progress.metrics.get(metric)
        if value is not None and (best is None or is_better(metric, value, best.progress.metrics[metric])):
            best = one
    return best


def record_best(run_folder: Path, metric: str | None) -> Saved | None:
    """Write `best.json`, or remove it where there is no best, and return the best checkpoint."""
    best = None if metric is None else best_checkpoint(saved_checkpoints(run_folder), metric)
    path = run_folder / BEST_FILE
    if best is None or metric is None:
        path.unlink(missing_ok=True)
        return None
    record = {"metric": metric, "value": best.progress.metrics[metric]}
    write_json(path, {**record, "step": best.progress.step, "checkpoint": best.folder.name})
    return best


def prune(run_folder: Path, keep: int, best: Saved | None) -> None:
    """Delete all checkpoints but the newest `keep` and the best."""
    for old in saved_checkpoints(run_folder)[:-keep]:
        if best is None or old.folder != best.folder:
            doomed = partial_folder(old.folder)
            old.folder.rename(doomed)
            shutil.rmtree(doomed)


def _numbered(run_folder: Path) -> list[Path]:
    if not run_folder.is_dir():
        return []
    return [path for path in run_folder.iterdir() if re.fullmatch(rf"{CHECKPOINT}-\d+", path.name) and path.is_dir()]
