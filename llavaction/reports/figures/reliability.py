"""Reliability diagrams: is a model that is 80 % sure right in 80 % of such cases?"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from llavaction.evaluation.calibration import Calibration, calibrate
from llavaction.evaluation.predictions import Row
from llavaction.reports.pictures import COLOURS, INK, MUTED, dress, new_figure, save_figure, wrap
from llavaction.reports.tables.run_state import EvaluationFolder

# Inches.
_PANEL_WIDTH, _HEIGHT = 4.6, 5.6
_COLUMNS = 3


def calibrate_run(rows: Sequence[Row], run: EvaluationFolder) -> Calibration:
    """How far confidence and accuracy of a run's choices agree.

    Raises:
        DataError: when rows have no likelihoods of their options.
    """
    return calibrate(rows)


def draw_reliability(title: str, runs: Mapping[str, Calibration], path: Path) -> None:
    """Write a PNG with a panel for each run: accuracy over confidence, and below how many questions are how sure."""
    num_rows = -(-len(runs) // _COLUMNS)
    num_columns = min(len(runs), _COLUMNS)
    figure = new_figure(_PANEL_WIDTH * num_columns, _HEIGHT * num_rows, padding=0.12)
    figure.suptitle(wrap(title, _PANEL_WIDTH * num_columns), x=0.02, ha="left", fontsize=11, color=INK)
    grid = figure.add_gridspec(num_rows, num_columns)
    for place, (name, calibration) in enumerate(runs.items()):
        panels = grid[place // _COLUMNS, place % _COLUMNS].subgridspec(2, 1, height_ratios=(3.2, 1))
        _draw_accuracy(figure.add_subplot(panels[0]), name, calibration)
        _draw_counts(figure.add_subplot(panels[1]), calibration)
    save_figure(figure, path)


def _draw_accuracy(axes: Any, name: str, calibration: Calibration) -> None:
    axes.plot([0, 1], [0, 1], color=MUTED, linewidth=1, linestyle="--")
    bins = calibration.bins
    for entry in bins:
        width = entry.high - entry.low
        axes.bar(entry.low + width / 2, entry.accuracy.value, 0.92 * width, color=COLOURS[0], alpha=0.35)
        if entry.accuracy.low is not None and entry.accuracy.high is not None:
            ends = [entry.accuracy.low, entry.accuracy.high]
            axes.plot([entry.confidence, entry.confidence], ends, color=COLOURS[0], linewidth=1.4)
    axes.plot(
        [entry.confidence for entry in bins],
        [entry.accuracy.value for entry in bins],
        linestyle="none",
        marker="o",
        markersize=5,
        color=COLOURS[0],
    )
    axes.set_xlim(0, 1)
    axes.set_ylim(0, 1.02)
    axes.set_ylabel("accuracy", color=MUTED)
    errors = f"ECE {100 * calibration.ece:.1f} %, Brier {calibration.brier.value:.3f}"
    dress(axes, f"{wrap(name, _PANEL_WIDTH - 1)}\n{errors}", grid="both")


def _draw_counts(axes: Any, calibration: Calibration) -> None:
    total = sum(entry.accuracy.num_rows for entry in calibration.bins)
    for entry in calibration.bins:
        width = entry.high - entry.low
        axes.bar(entry.low + width / 2, 100 * entry.accuracy.num_rows / total, 0.92 * width, color=MUTED)
    axes.set_xlim(0, 1)
    axes.set_ylim(0, 100)
    axes.set_ylabel("% of questions", color=MUTED)
    axes.set_xlabel("confidence", color=MUTED)
    dress(axes, "")
