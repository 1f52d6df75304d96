"""Writing checkpoints: whole or not at all, the newest and the best, each complete enough to be evaluated."""

from __future__ import annotations

import logging
import math
import shutil
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

from transformers import TrainerCallback, TrainerControl, TrainerState, TrainingArguments

from llavaction.training.agreement import wait_for_all, write_whole
from llavaction.training.callbacks import is_metrics
from llavaction.training.checkpoint_folders import (
    CONVERTED,
    Progress,
    checkpoint_folder,
    file_sizes,
    prune,
    record_best,
    set_damaged_aside,
)
from llavaction.training.config import CHECKPOINT, TrainConfig
from llavaction.training.steps import StepPlan
from llavaction.utils.errors import CheckpointError
from llavaction.utils.processes import num_processes, process_rank

logger = logging.getLogger(__name__)


class Checkpoints(TrainerCallback):
    """The checkpoints of a run. All processes have one, and save together.

    Args:
        run_folder: on a disk that all processes see.
        zero_stage: see `Progress`.
        add: puts what belongs beside the weights into a folder, for evaluation.
    """

    def __init__(
        self, run_folder: Path, config: TrainConfig, plan: StepPlan, zero_stage: int, add: Callable[[Path], None]
    ) -> None:
        self._folder = run_folder
        self._config = config
        self._plan = plan
        self._zero_stage = zero_stage
        self._add = add
        self._metrics: dict[str, float] = {}
        self._metrics_step = 0

    def on_train_begin(
        self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **kwargs: Any
    ) -> None:
        """The state comes from the checkpoint; how often to log and save comes from this run."""
        state.compute_steps(args, state.max_steps)
        wait_for_all()
        if process_rank() == 0:
            set_damaged_aside(self._folder)
            for converted in self._folder.glob(f"{CHECKPOINT}-*{CONVERTED}"):
                shutil.rmtree(converted)
            record_best(self._folder, self._config.keep_best_by)

    def on_log(
        self, args: TrainingArguments, state: TrainerState, control: TrainerControl, logs: Any = None, **kwargs: Any
    ) -> None:
        """Remember the metrics of the step, for its checkpoint."""
        if not is_metrics(logs):
            return
        if state.global_step != self._metrics_step:
            self._metrics, self._metrics_step = {}, state.global_step
        self._metrics |= {
            name: float(value)
            for name, value in logs.items()
            if isinstance(value, int | float) and math.isfinite(value)
        }
        folder = checkpoint_folder(self._folder, state.global_step)
        if process_rank() == 0 and folder.is_dir():
            # An evaluation that was cut off is made up for when the run goes on.
            progress = Progress.load(folder)
            replace(progress, metrics={**progress.metrics, **self._metrics}).save(folder)
            record_best(self._folder, self._config.keep_best_by)

    def save(self, step: int, write: Callable[[Path], None]) -> None:
        """Write the checkpoint of a step, note whether it is the best, and delete those that are not kept.

        Args:
            write: writes this process's part into a folder, together with all others.

        Raises:
            CheckpointError: when parts of other processes are not where the first one looks for them.
        """
        write_whole(checkpoint_folder(self._folder, step), write, partial(self._complete, step))
        if process_rank() == 0:
            best = record_best(self._folder, self._config.keep_best_by)
            self._warn_without_metric(step)
            prune(self._folder, self._config.keep_checkpoints, best)
            logger.info("saved %s", checkpoint_folder(self._folder, step))
        wait_for_all()

    def save_final(self, write: Callable[[Path], None]) -> Path:
        """Write the folder of the finished run, which holds no state to go on from."""
        final = self._folder / CHECKPOINT
        write_whole(final, write, self._add)
        return final

    def tell_best(self) -> None:
        """Log which checkpoint was the best, where one was looked for."""
        metric = self._config.keep_best_by
        best = record_best(self._folder, metric) if process_rank() == 0 else None
        if best is not None and metric is not None:
            value = best.progress.metrics[metric]
            logger.info("best by %s: %s (%.6g at step %d)", metric, best.folder, value, best.progress.step)

    def _complete(self, step: int, folder: Path) -> None:
        """What the first process adds when all have written their parts."""
        parts = list(folder.rglob("*_optim_states.pt"))
        if self._zero_stage and len(parts) != num_processes():
            raise CheckpointError(
                f"{folder} holds the optimiser states of {len(parts)} of {num_processes()} processes; output= must be "
                "a folder on a disk that all machines share"
            )
        self._add(folder)
        per_step = self._plan.samples_per_step
        Progress(
            step,
            step * per_step,
            per_step,
            num_processes(),
            self._zero_stage,
            self._metrics_of(step),
            file_sizes(folder),
        ).save(folder)

    def _metrics_of(self, step: int) -> dict[str, float]:
        return self._metrics if self._metrics_step == step else {}

    def _warn_without_metric(self, step: int) -> None:
        metric = self._config.keep_best_by
        known = self._metrics_of(step)
        is_rare = metric is not None and metric.startswith("eval/") and not any("/" in name for name in known)
        if metric is not None and metric not in known and not is_rare:
            logger.warning(
                "train.keep_best_by = %s has no value at step %d, so that cannot be the best; logged there: %s",
                *(metric, step, ", ".join(sorted(known)) or "nothing"),
            )
