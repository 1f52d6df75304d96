"""The key figures of a run."""

from __future__ import annotations

import statistics
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path

from llavaction.evaluation.predictions import METRICS_FILE
from llavaction.reports.runs.folder import Line, RunFolder, read_run, times
from llavaction.utils.enums import StrEnum
from llavaction.utils.errors import DataError
from llavaction.utils.jsonl import read_json

_SHOWN_METRICS = ("accuracy", "action")
"""The metric that stands for a task: the first of these that it has."""


class RunState(StrEnum):
    """How far a run is."""

    FINISHED = "finished"
    STOPPED = "stopped"
    """Killed, or ended by an error; the same command goes on."""
    RUNNING = "running"
    """It gave a sign of life not long ago; whether it lives, its folder cannot say."""
    DAMAGED = "damaged"
    """Something of a run, but its record is missing or broken."""
    NONE = "none"
    """A folder without any run."""


@dataclass(frozen=True)
class Best:
    """The best value of a metric, and the step it was reached at; None for an evaluation of its own."""

    value: float
    step: int | None = None


@dataclass(frozen=True)
class RunSummary:
    """What one wants to know of a run; None where it does not say.

    Attributes:
        name: its folder, from the folder that was searched.
        problem: what is wrong with a folder that is damaged, or holds no run.
        losses: the last of each.
        evaluation: by task and metric, such as `mqa/accuracy`.
        samples_per_s: the median of the log lines.
        duration_s: seconds at work, without pauses between a stop and its resuming.
    """

    name: str
    state: RunState
    command: str | None = None
    problem: str | None = None
    step: int | None = None
    num_steps: int | None = None
    losses: dict[str, float] = field(default_factory=dict)
    evaluation: dict[str, Best] = field(default_factory=dict)
    samples_per_s: float | None = None
    started: datetime | None = None
    duration_s: float | None = None
    num_processes: int | None = None
    num_parameters: int | None = None
    git_commit: str | None = None


def summarise(folder: Path, name: str, quiet_s: float) -> RunSummary:
    """The key figures of a folder with something of a run in it.

    Args:
        name: what the folder is called in the list.
        quiet_s: seconds without a sign of life after which an unfinished run counts as stopped.
    """
    span = times(folder)
    started = span[0] if span else None
    try:
        run = read_run(folder)
        state = _state(run, quiet_s)
    except DataError as error:
        return RunSummary(name, RunState.DAMAGED, problem=str(error), started=started)
    record = run.record
    logged = [line for line in run.lines if "step" in line]
    speeds = [line["samples_per_s"] for line in logged if line.get("samples_per_s") is not None]
    return RunSummary(
        name,
        state,
        command=run.command,
        step=max((line["step"] for line in logged), default=None),
        num_steps=record.get("num_steps"),
        losses=_last_losses(logged),
        evaluation=_best(run.lines),
        samples_per_s=statistics.median(speeds) if speeds else None,
        started=started,
        duration_s=_work_s(logged) or ((span[1] - span[0]).total_seconds() if span else None),
        num_processes=record.get("num_processes"),
        num_parameters=record.get("num_parameters"),
        git_commit=record.get("git_commit"),
    )


def _state(run: RunFolder, quiet_s: float) -> RunState:
    if _is_finished(run):
        return RunState.FINISHED
    signs = [path.stat().st_mtime for path in [*run.path.glob("*"), *run.path.glob("rows/*")] if path.is_file()]
    return RunState.RUNNING if time.time() - max(signs) < quiet_s else RunState.STOPPED


def _is_finished(run: RunFolder) -> bool:
    """Whether all is there; most commands write their record at the end."""
    if run.command == "train":
        return (run.path / "checkpoint").is_dir()
    if run.command in ("evaluate", "evaluate-api"):
        return (run.path / METRICS_FILE).is_file()
    if run.command == "annotate":
        manifest = read_json(run.path / "manifest.json")
        return isinstance(manifest, dict) and manifest.get("complete") is True
    return True


def _last_losses(lines: Sequence[Line]) -> dict[str, float]:
    losses: dict[str, float] = {}
    for line in lines:
        losses |= {name: line[name] for name in line if name.endswith("loss") and line[name] is not None}
    return losses


def _best(lines: Sequence[Line]) -> dict[str, Best]:
    """The best value of each task's own metric."""
    names = [name.removeprefix("eval/") for line in lines for name in line if name.startswith("eval/")]
    best: dict[str, Best] = {}
    for task in dict.fromkeys(name.rpartition("/")[0] for name in names):
        metric = next((f"{task}/{metric}" for metric in _SHOWN_METRICS if f"{task}/{metric}" in names), None)
        values = [(line, line[f"eval/{metric}"]) for line in lines if line.get(f"eval/{metric}") is not None]
        if metric and values:
            line, value = max(values, key=lambda entry: entry[1])
            best[metric] = Best(value, line.get("step"))
    return best


def _work_s(lines: Sequence[Line]) -> float:
    """Seconds of all starts together: the clock of the lines begins anew with each."""
    total = last = 0.0
    for line in lines:
        now = float(line.get("time_s", 0))
        total += now - last if now >= last else now
        last = now
    return total
