"""A picture of a run's metrics: losses, learning rates, throughput."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import cycle, product
from pathlib import Path
from typing import Any

_INK, _MUTED, _RULE = "#1f2328", "#6b7280", "#e5e7eb"
# Colours that also people with red-green blindness tell apart (Okabe and Ito).
_COLOURS = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9")

# Inches.
_WIDTH, _HEIGHT = 7.0, 3.2
_COLUMNS = 2

_NO_SCORES = ("num_", "chance")
"""What evaluations say of the questions, not of the model."""

Curve = tuple[list[int], list[float]]
"""Steps and values."""


def draw_curves(rows: Sequence[Mapping[str, Any]], path: Path) -> None:
    """Write a PNG of the log lines of a run: a panel for each kind of metric that it has, over the steps."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    panels = [panel for panel in _panels(rows) if panel.curves]
    num_rows = -(-len(panels) // _COLUMNS)
    size = (_WIDTH * _COLUMNS, _HEIGHT * max(num_rows, 1))
    figure = Figure(figsize=size, facecolor="white", layout="constrained")
    FigureCanvasAgg(figure)
    for number, panel in enumerate(panels, start=1):
        _draw(figure.add_subplot(num_rows, _COLUMNS, number), panel)
    figure.savefig(path, dpi=110)


@dataclass(frozen=True)
class _Panel:
    """Curves by name; `is_log` asks for a logarithmic scale."""

    title: str
    curves: dict[str, Curve]
    is_log: bool = False


def _panels(rows: Sequence[Mapping[str, Any]]) -> list[_Panel]:
    names = list(dict.fromkeys(name for row in rows for name in row))
    losses = sorted((name for name in names if name.endswith("loss") and "/" not in name), key=len)
    rates = [name for name in names if name.startswith("lr_")]
    scores = [name for name in names if name.startswith("eval/") and not name.split("/")[-1].startswith(_NO_SCORES)]
    return [
        _Panel("Losses", _curves(rows, losses), is_log=True),
        _Panel("Gradient norm", _curves(rows, ["grad_norm"]), is_log=True),
        _Panel("Evaluation", _curves(rows, scores)),
        _Panel("Learning rates", _curves(rows, rates)),
        _Panel("Samples per second", _curves(rows, ["samples_per_s"])),
        _Panel("Share of time waited for data, and MFU", _curves(rows, ["data_wait_share", "mfu"])),
    ]


def _curves(rows: Sequence[Mapping[str, Any]], names: Sequence[str]) -> dict[str, Curve]:
    """The metrics that some rows have."""
    found = {}
    for name in names:
        known = [row for row in rows if row.get(name) is not None]
        if known:
            found[name] = ([row["step"] for row in known], [row[name] for row in known])
    return found


def _draw(axes: Any, panel: _Panel) -> None:
    from matplotlib.ticker import MaxNLocator

    for (name, (steps, values)), (line, colour) in zip(panel.curves.items(), cycle(product(("-", ":"), _COLOURS))):
        marker = "o" if len(steps) < 3 else None
        axes.plot(*(steps, values, line), color=colour, linewidth=1.6, marker=marker, label=name.removeprefix("eval/"))
    axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    if not panel.is_log:
        axes.set_ylim(bottom=0)
    elif all(min(values) > 0 for _, values in panel.curves.values()):
        _scale_by_powers(axes)
    axes.set_title(panel.title, loc="left", fontsize=11, color=_INK)
    axes.set_xlabel("step", color=_MUTED)
    axes.tick_params(colors=_MUTED, length=0)
    axes.set_axisbelow(True)
    axes.grid(axis="y", color=_RULE)
    for side in ("top", "right"):
        axes.spines[side].set_visible(False)
    for side in ("left", "bottom"):
        axes.spines[side].set_color(_RULE)
    if len(panel.curves) > 1:
        axes.legend(loc="upper left", bbox_to_anchor=(1.0, 1.0), frameon=False, labelcolor=_INK, fontsize=9)


def _scale_by_powers(axes: Any) -> None:
    """A logarithmic scale with plain numbers on it."""
    from matplotlib.ticker import FuncFormatter, LogLocator

    axes.set_yscale("log")
    axes.yaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
    axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
    axes.minorticks_off()
