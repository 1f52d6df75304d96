"""The profiler switch (`train.profile`): a trace of a few steps, and a page that says where their time went."""

from __future__ import annotations

import gzip
import json
import logging
from pathlib import Path
from typing import Any

import torch
from torch.profiler import ProfilerActivity, profile, schedule
from transformers import TrainerCallback, TrainerControl, TrainerState, TrainingArguments

from llavaction.training.config import ProfileConfig
from llavaction.training.part_marks import PartMarks, mark
from llavaction.training.profile_summary import ProfiledSteps, parts_table, summary_page
from llavaction.training.throughput import GIB, peak_memory
from llavaction.training.timeline import Segment, Timeline, TracePart, read_timeline
from llavaction.utils.errors import ConfigError
from llavaction.utils.jsonl import write_text
from llavaction.utils.processes import num_processes, process_rank

logger = logging.getLogger(__name__)

FOLDER = "profile"
SUMMARY_FILE = "summary.md"


class Profiler(TrainerCallback):
    """Records steps on the first process, and writes trace and summary when they are done."""

    def __init__(self, folder: Path, config: ProfileConfig, model: Any) -> None:
        """`folder`: of the run. `model`: what trains, with adapters where it has some."""
        self._folder = folder / FOLDER
        self._config = config
        self._model = model
        self._is_on = process_rank() == 0
        self._num_done = 0
        self._step = 0
        self._marks: PartMarks | None = None
        self._profile: Any = None

    def on_train_begin(
        self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **kwargs: Any
    ) -> None:
        last, remaining = self._config.last_step, state.max_steps - state.global_step
        if last > state.max_steps:
            raise ConfigError(
                f"train.profile records up to step {last}, and the run has {state.max_steps}; lower "
                "train.profile.start_step or num_steps, or set num_steps=0"
            )
        if last <= remaining:
            self._begin_when_due(args)
        else:
            self._is_on = False
            logger.warning("nothing is profiled: %d steps remain, and train.profile asks for %d", remaining, last)

    def on_step_begin(
        self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **kwargs: Any
    ) -> None:
        """The batches are there."""
        if self._marks is not None:
            self._marks.begin_step()

    def on_step_end(self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **kwargs: Any) -> None:
        self._num_done += 1
        self._step = state.global_step
        if self._profile is None:
            self._begin_when_due(args)
            return
        if torch.cuda.is_available():
            # What the step has queued belongs to it.
            torch.cuda.synchronize()
        mark(TracePart.OTHER)
        self._profile.step()
        if self._num_done == self._config.last_step:
            self._end()

    def on_train_end(
        self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **kwargs: Any
    ) -> None:
        if self._profile is not None:
            logger.warning("the run ends before all steps of train.profile are recorded; nothing is written")
            self._end(written=False)

    def _begin_when_due(self, args: TrainingArguments) -> None:
        # One step is left to the profiler to start up in.
        if not self._is_on or self._num_done != self._config.start_step - 2:
            return
        self._marks = PartMarks(self._model, args.gradient_accumulation_steps)
        activities = [ProfilerActivity.CPU]
        if torch.cuda.is_available():
            activities.append(ProfilerActivity.CUDA)
        steps = schedule(wait=0, warmup=1, active=self._config.num_steps, repeat=1)
        self._profile = profile(activities=activities, schedule=steps, on_trace_ready=self._write)
        self._profile.start()

    def _end(self, *, written: bool = True) -> None:
        assert self._marks is not None
        if not written:
            self._profile.on_trace_ready = None
        self._profile.stop()
        self._marks.detach()
        self._profile = self._marks = None

    def _write(self, recorded: Any) -> None:
        self._folder.mkdir(parents=True, exist_ok=True)
        raw = self._folder / ".trace.json"
        try:
            recorded.export_chrome_trace(str(raw))
            trace = json.loads(raw.read_bytes())
        finally:
            raw.unlink(missing_ok=True)
        timeline = read_timeline(trace)
        first = self._step - self._config.num_steps + 1
        path = self._folder / f"trace_steps_{first}_to_{self._step}.json.gz"
        trace["traceEvents"] += _bars(timeline)
        with gzip.open(path, "wt", encoding="utf-8", compresslevel=5) as file:
            json.dump(trace, file)
        device = torch.cuda.get_device_name() if torch.cuda.is_available() else "a CPU"
        steps = ProfiledSteps(first, self._step, device, num_processes(), peak_memory() / GIB, path.name)
        write_text(self._folder / SUMMARY_FILE, summary_page(timeline, steps))
        logger.info("where the time went (%s):\n%s", self._folder / SUMMARY_FILE, "\n".join(parts_table(timeline)))


def _bars(timeline: Timeline) -> list[dict[str, Any]]:
    """The parts as a row of the trace's picture."""
    row = {"pid": "parts", "tid": "parts"}
    return [
        {"ph": "X", "cat": "parts", "name": _name(segment), **row, **_time(segment)} for segment in timeline.segments
    ]


def _name(segment: Segment) -> str:
    return " ".join(word.value for word in segment.label).removesuffix(" neither")


def _time(segment: Segment) -> dict[str, float]:
    return {"ts": segment.start, "dur": segment.end - segment.start}
