"""A picture of two runs' losses, one over the other."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from llavaction.reports.pictures import COLOURS, INK, MUTED, dress, new_figure, save_figure
from llavaction.reports.runs.folder import Line
from llavaction.utils.errors import DataError

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
    curves = {loss: {name: _points(loss, lines) for name, lines in runs.items()} for loss in _LOSSES}
    panels = {loss: by_run for loss, by_run in curves.items() if all(by_run.values())}
    if not panels:
        raise DataError(f"no picture: {' and '.join(runs)} have none of {', '.join(_LOSSES)} both")
    figure = new_figure(_WIDTH, _HEIGHT * len(panels), padding=0.08)
    for number, (loss, by_run) in enumerate(panels.items(), start=1):
        axes = figure.add_subplot(len(panels), 1, number)
        for colour, style, (name, points) in zip(COLOURS[:2], ("-", "--"), by_run.items(), strict=True):
            marker = "o" if len(points) < 3 else None
            axes.plot(*zip(*points, strict=True), style, color=colour, linewidth=1.8, marker=marker, label=name)
        dress(axes, loss, grid="both")
        axes.set_xlabel("step", color=MUTED)
        axes.xaxis.get_major_locator().set_params(integer=True)
        axes.legend(frameon=False, labelcolor=INK, fontsize=9)
    save_figure(figure, path)


def _points(loss: str, lines: Sequence[Line]) -> list[tuple[int, float]]:
    return [(line["step"], line[loss]) for line in lines if line.get(loss) is not None]
