"""What happens beside the steps: the metrics file, the progress bar, the processor in every checkpoint."""

from __future__ import annotations

import logging
import time
from pathlib import Path
from typing import Any

from rich.progress import Progress
from transformers import TrainerCallback, TrainerControl, TrainerState, TrainingArguments

from llavaction.processing.processor import Processor
from llavaction.utils.jsonl import dump_line, read_jsonl, write_jsonl
from llavaction.utils.progress import make_progress

logger = logging.getLogger(__name__)


class MetricsFile(TrainerCallback):
    """Appends every log line to a JSONL file, with the step and the seconds since the start."""

    def __init__(self, path: Path, epochs_per_step: float) -> None:
        self._path = path
        self._epochs_per_step = epochs_per_step
        self._start = time.monotonic()

    def on_train_begin(
        self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **kwargs: Any
    ) -> None:
        """Forget steps behind the checkpoint that a run goes on from: they come again."""
        if state.is_world_process_zero and self._path.exists():
            write_jsonl(self._path, [row for row in read_jsonl(self._path) if row["step"] <= state.global_step])

    def on_log(
        self, args: TrainingArguments, state: TrainerState, control: TrainerControl, logs: Any = None, **kwargs: Any
    ) -> None:
        if not state.is_world_process_zero or not logs or "loss" not in logs:
            return
        row = {"step": state.global_step, "time_s": round(time.monotonic() - self._start, 2)}
        row |= {name: round(value, 8) for name, value in logs.items() if isinstance(value, int | float)}
        # transformers takes the stream of all epochs for one.
        row["epoch"] = round(state.global_step * self._epochs_per_step, 4)
        with self._path.open("a", encoding="utf-8") as file:
            file.write(dump_line(row) + "\n")
        shown = ", ".join(f"{name} {logs[name]:.4f}" for name in logs if name.endswith("loss"))
        logger.info("step %d of %d: %s", state.global_step, state.max_steps, shown)


class ProgressBar(TrainerCallback):
    """A rich progress bar with the time left, on the first process."""

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

    def on_train_end(
        self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **kwargs: Any
    ) -> None:
        if self._progress is not None:
            self._progress.stop()


class ProcessorSaver(TrainerCallback):
    """Puts the processor into every checkpoint, so that each can be evaluated by itself."""

    def __init__(self, processor: Processor) -> None:
        self._processor = processor

    def on_save(self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **kwargs: Any) -> None:
        if state.is_world_process_zero:
            self._processor.save(Path(str(args.output_dir)) / f"checkpoint-{state.global_step}")
