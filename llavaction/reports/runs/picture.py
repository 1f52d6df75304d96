"""A picture of two runs' losses, one over the other."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from llavaction.reports.runs.folder import Line
from llavaction.utils.errors import DataError

_INK, _MUTED, _RULE = "#1f2328", "#6b7280", "#e5e7eb"
# Colours that also people with red-green blindness tell apart (Okabe and Ito).
_COLOURS = ("#0072b2", "#d55e00")
_LOSSES = ("loss", "lm_loss", "action_loss")

# Inches.
_WIDTH, _HEIGHT = 10.0, 3.2


def draw_losses(runs: Mapping[str, Sequence[Line]], path: Path) -> None:
    """Write a PNG with a panel for each loss that both runs have.

    Args:
        runs: lines of metrics of two runs, by the name that the picture shows.

    Raises:
        DataError: when there is no such loss.
    """
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    curves = {loss: {name: _points(loss, lines) for name, lines in runs.items()} for loss in _LOSSES}
    panels = {loss: by_run for loss, by_run in curves.items() if all(by_run.values())}
    if not panels:
        raise DataError(f"no picture: {' and '.join(runs)} have none of {', '.join(_LOSSES)} both")
    figure = Figure(figsize=(_WIDTH, _HEIGHT * len(panels)), facecolor="white", layout="constrained")
    FigureCanvasAgg(figure)
    for number, (loss, by_run) in enumerate(panels.items(), start=1):
        axes = figure.add_subplot(len(panels), 1, number)
        for colour, style, (name, points) in zip(_COLOURS, ("-", "--"), by_run.items(), strict=True):
            marker = "o" if len(points) < 3 else None
            axes.plot(*zip(*points, strict=True), style, color=colour, linewidth=1.8, marker=marker, label=name)
        _dress(axes, loss)
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path, dpi=110)


def _points(loss: str, lines: Sequence[Line]) -> list[tuple[int, float]]:
    return [(line["step"], line[loss]) for line in lines if line.get(loss) is not None]


def _dress(axes: Any, title: str) -> None:
    axes.set_title(title, loc="left", color=_INK, fontsize=11, fontweight="bold")
    axes.set_xlabel("step", color=_MUTED)
    axes.xaxis.get_major_locator().set_params(integer=True)
    axes.grid(color=_RULE, linewidth=0.8)
    axes.tick_params(colors=_MUTED)
    for side in ("top", "right"):
        axes.spines[side].set_visible(False)
    for side in ("left", "bottom"):
        axes.spines[side].set_color(_RULE)
    axes.legend(frameon=False, labelcolor=_INK, fontsize=9)
