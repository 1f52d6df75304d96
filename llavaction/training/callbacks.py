"""What happens beside the steps: log lines and the progress bar."""

from __future__ import annotations

import logging
import math
import time
from collections.abc import Mapping, Sequence
from typing import Any

from rich.progress import Progress
from transformers import TrainerCallback, TrainerControl, TrainerState, TrainingArguments

from llavaction.training.trackers import Row, Tracker
from llavaction.utils.progress import make_progress

logger = logging.getLogger(__name__)


class MetricsLog(TrainerCallback):
    """Hands each log line to the trackers, with the step, the epoch and the seconds since the start."""

    def __init__(self, trackers: Sequence[Tracker], epochs_per_step: float) -> None:
        self._trackers = trackers
        self._epochs_per_step = epochs_per_step
        self._start = time.monotonic()

    def on_train_begin(
        self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **kwargs: Any
    ) -> None:
        if state.is_world_process_zero:
            for tracker in self._trackers:
                tracker.start(state.global_step)

    def on_step_end(self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **kwargs: Any) -> None:
        """The last step has a line, whatever its number."""
        if state.global_step >= state.max_steps:
            control.should_log = True

    def on_log(
        self, args: TrainingArguments, state: TrainerState, control: TrainerControl, logs: Any = None, **kwargs: Any
    ) -> None:
        if not state.is_world_process_zero or not is_metrics(logs):
            return
        row: Row = {"step": state.global_step, "time_s": round(time.monotonic() - self._start, 2)}
        row |= {
            name: _rounded(value) for name, value in logs.items() if value is None or isinstance(value, int | float)
        }
        # transformers takes the stream of all epochs for one.
        row["epoch"] = round(state.global_step * self._epochs_per_step, 4)
        for tracker in self._trackers:
            tracker.add(row)
        if "loss" in row:
            logger.info("step %d of %d: %s", state.global_step, state.max_steps, _described(row))

    def on_train_end(
        self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **kwargs: Any
    ) -> None:
        if state.is_world_process_zero:
            for tracker in self._trackers:
                tracker.finish()


def is_metrics(logs: Mapping[str, Any] | None) -> bool:
    """Whether a log line holds metrics of a step or of an evaluation; transformers has others at the end."""
    return logs is not None and ("loss" in logs or any(name.startswith("eval/") for name in logs))


def _rounded(value: float | None) -> float | None:
    """To eight digits; JSON has no inf (as of gradients that float16 cannot hold)."""
    return float(f"{value:.8g}") if value is not None and math.isfinite(value) else None


def _described(row: Row) -> str:
    """What a reader wants of a step's log line."""
    known = {name: value for name, value in row.items() if value is not None}
    words = [f"{name} {known[name]:.4f}" for name in known if name.endswith("loss")]
    if "samples_per_s" in known:
        words.append(f"{known['samples_per_s']:.3g} samples/s, {known['tokens_per_s']:.4g} tokens/s")
        words.append(f"{known['data_wait_share']:.0%} of the time waited for data")
    if "mfu" in known:
        words.append(f"MFU {known['mfu']:.1%}")
    return ", ".join(words)


class ProgressBar(TrainerCallback):
    """A rich progress bar with the time left, the loss and the speed, on the first process."""

    def __init__(self) -> None:
        self._progress: Progress | None = None
        self._task: Any = None

    def on_train_begin(
        self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **kwargs: Any
    ) -> None:
        if state.is_world_process_zero:
            self._progress = make_progress()
            self._task = self._progress.add_task("training", total=state.max_steps, completed=state.global_step)
            self._progress.start()

    def on_step_end(self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **kwargs: Any) -> None:
        if self._progress is not None:
            self._progress.update(self._task, completed=state.global_step)

    def on_log(
        self, args: TrainingArguments, state: TrainerState, control: TrainerControl, logs: Any = None, **kwargs: Any
    ) -> None:
        if self._progress is not None and "loss" in logs:
            speed = f", {logs['samples_per_s']:.3g} samples/s" if "samples_per_s" in logs else ""
            self._progress.update(self._task, description=f"training: loss {logs['loss']:.4f}{speed}")

    def on_train_end(
        self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **kwargs: Any
    ) -> None:
        if self._progress is not None:
            self._progress.stop()
