"""Many runs as a list: sorted, and as a table, JSON or CSV."""

from __future__ import annotations

import csv
import io
import math
from collections.abc import Callable, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

import rich.box
import rich.table
from rich.console import Console
from rich.markup import escape

from llavaction.reports.runs.config import RunsConfig, SortBy
from llavaction.reports.runs.search import find_runs
from llavaction.reports.runs.summary import RunState, RunSummary, summarise

_COLUMNS = ("run", "command", "state", "step", "loss", "evaluation", "samples/s", "started", "took", "size", "commit")
_LEAST_TELLING = ("commit", "size", "samples/s", "took", "command", "started", "loss")
_RIGHT = ("step", "loss", "samples/s", "took", "size")
_ENDLESS = 10_000


def list_runs(config: RunsConfig) -> list[RunSummary]:
    """The runs below the folder that `config` names, in its order; folders without any are at the end.

    Raises:
        DataError: when there is no such folder.
    """
    root = Path(config.folder)
    found, others = find_runs(root, config.depth)
    runs = [summarise(folder, _name(folder, root), 60 * config.quiet_min) for folder in found]
    rest = [RunSummary(_name(folder, root), RunState.NONE, problem=why) for folder, why in others.items()]
    return [*sorted(runs, key=_ORDER[config.sort]), *rest]


def to_table(runs: Sequence[RunSummary], console: Console) -> rich.table.Table:
    """The runs for a terminal: of its columns those that fit, the most telling ones first; all of them for a pipe."""
    columns = list(_COLUMNS)
    listed = [(run, _cells(run)) for run in runs if run.state is not RunState.NONE]
    for left_out in ("", *_LEAST_TELLING):
        columns = [column for column in columns if column != left_out]
        table = rich.table.Table(box=rich.box.SIMPLE_HEAD, pad_edge=False)
        for column in columns:
            table.add_column(column, justify="right" if column in _RIGHT else "left", no_wrap=True)
        for run, cells in listed:
            style = "dim" if run.state is RunState.DAMAGED else None
            table.add_row(*(escape(cells[column]) for column in columns), style=style)
        table.width = table.__rich_measure__(console, console.options.update(max_width=_ENDLESS)).maximum
        if not console.is_terminal or table.width <= console.width:
            break
    return table


def problems(runs: Sequence[RunSummary]) -> list[str]:
    """A line for each folder that is damaged or holds no run."""
    return [f"{run.name}: {run.state}: {run.problem}" for run in runs if run.problem is not None]


def to_objects(runs: Sequence[RunSummary]) -> list[dict[str, Any]]:
    """The runs as JSON takes them, with every figure."""
    return [
        {
            **vars(run),
            "state": run.state.value,
            "evaluation": {name: vars(best) for name, best in run.evaluation.items()},
            "started": run.started.isoformat(sep=" ") if run.started else None,
        }
        for run in runs
    ]


def to_csv(runs: Sequence[RunSummary]) -> str:
    """The runs as lines; losses and metrics have columns of their own."""
    rows = []
    for run in to_objects(runs):
        losses, evaluation = run.pop("losses"), run.pop("evaluation")
        best = {f"eval/{name}": entry["value"] for name, entry in evaluation.items()}
        steps = {f"eval/{name} step": entry["step"] for name, entry in evaluation.items()}
        rows.append({**run, **losses, **best, **steps})
    names = list(dict.fromkeys(name for row in rows for name in row))
    text = io.StringIO()
    writer = csv.DictWriter(text, names, lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    return text.getvalue()


def _name(folder: Path, root: Path) -> str:
    return str(folder.relative_to(root)) if folder != root else folder.resolve().name


def _cells(run: RunSummary) -> dict[str, str]:
    return {
        "run": run.name,
        "command": run.command or "",
        "state": "running?" if run.state is RunState.RUNNING else run.state.value,
        "step": "" if run.step is None else f"{run.step:,}" + (f" of {run.num_steps:,}" if run.num_steps else ""),
        "loss": _shown_losses(run),
        "evaluation": "\n".join(_shown_metric(name, best.value, best.step) for name, best in run.evaluation.items()),
        "samples/s": "" if run.samples_per_s is None else f"{run.samples_per_s:.3g}",
        "started": "" if run.started is None else f"{run.started:%Y-%m-%d %H:%M}",
        "took": "" if run.duration_s is None else shown_time(run.duration_s),
        "size": "" if run.num_parameters is None else shown_count(run.num_parameters),
        "commit": shown_commit(run.git_commit),
    }


def _shown_losses(run: RunSummary) -> str:
    """The loss, and the terms below it that tell most."""
    shown = {"loss": "", "lm_loss": "lm ", "action_loss": "action "}
    return "\n".join(f"{before}{run.losses[name]:.4g}" for name, before in shown.items() if name in run.losses)


def _shown_metric(name: str, value: float, step: int | None) -> str:
    return f"{name} {100 * value:.1f}" + ("" if step is None else f" @{step:,}")


def shown_time(seconds: float) -> str:
    """A stretch of time in its two largest units."""
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours} h {minutes:02} m" if hours else f"{minutes} m {rest:02} s" if minutes else f"{rest} s"


def shown_count(number: int) -> str:
    """A large number to three digits."""
    for size, unit in ((10**9, "B"), (10**6, "M"), (10**3, "K")):
        if number >= size:
            return f"{number / size:.3g}{unit}"
    return str(number)


def shown_commit(commit: str | None) -> str:
    """A commit's first digits; a star behind them where files differed from it."""
    digits, _, dirty = (commit or "").partition("-")
    return digits[:8] + ("*" if dirty else "")


def _ascending(value: float | None) -> float:
    return math.inf if value is None else value


def _descending(value: float | None) -> float:
    return math.inf if value is None else -value


_ORDER: dict[SortBy, Callable[[RunSummary], Any]] = {
    SortBy.STARTED: lambda run: run.started or datetime.max,
    SortBy.NAME: lambda run: run.name,
    SortBy.LOSS: lambda run: _ascending(run.losses.get("loss")),
    SortBy.EVALUATION: lambda run: _descending(next((best.value for best in run.evaluation.values()), None)),
    SortBy.DURATION: lambda run: _descending(run.duration_s),
    SortBy.THROUGHPUT: lambda run: _descending(run.samples_per_s),
}
