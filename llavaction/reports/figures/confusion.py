"""Which verb or noun was taken for which."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from llavaction.evaluation.outcomes import answered_rows
from llavaction.evaluation.predictions import Row
from llavaction.reports.class_names import class_names
from llavaction.reports.figures.config import Part
from llavaction.reports.pictures import INK, MUTED, new_figure, save_figure, wrap
from llavaction.reports.tables.run_state import EvaluationFolder
from llavaction.utils.errors import DataError

OTHER, NOTHING_READ = "other", "none"
# Inches.
_CELL, _FRAME = 0.34, 2.3
_LEAST_SHOWN = 0.045
"""Shares from here on are written into their field; smaller ones are mostly chance."""


@dataclass(frozen=True)
class Confusion:
    """Counts of what was taken for what.

    Attributes:
        truths: names of the rows: the most frequent true classes, the most frequent first, then `OTHER` for the rest.
        answers: names of the columns: the same, and `NOTHING_READ` for answers that name no class. In `OTHER` of both,
            answers may be right or wrong.
        counts: whole numbers `[len(truths), len(answers)]`; rows and columns behind the frequent classes are left out
            where they are empty.
    """

    truths: tuple[str, ...]
    answers: tuple[str, ...]
    counts: np.ndarray


def count_confusions(rows: Sequence[Row], run: EvaluationFolder, part: Part, num_classes: int) -> Confusion:
    """Count over the answered rows.

    Args:
        num_classes: classes with a row and a column of their own.

    Raises:
        DataError: when no row predicts a class, or `classes.json` is missing.
    """
    rows = answered_rows(rows)
    if all(row.predicted is None for row in rows):
        raise DataError("no row predicts a class; a confusion needs a task that does")
    place = list(Part).index(part)
    sizes = Counter(row.truth[place] for row in rows)
    shown = sorted(sizes, key=lambda class_id: (-sizes[class_id], class_id))[:num_classes]
    number_of = {class_id: number for number, class_id in enumerate(shown)}
    other = len(shown)
    counts = np.zeros((other + 1, other + 2), np.int64)
    for row in rows:
        answer = other + 1 if row.predicted is None else number_of.get(row.predicted[place], other)
        counts[number_of.get(row.truth[place], other), answer] += 1
    labels = [*class_names(run, part, shown), OTHER, NOTHING_READ]
    answers = [number for number in range(other + 2) if number < other or counts[:, number].any()]
    truths = [number for number in range(other + 1) if number < other or counts[number].any()]
    return Confusion(
        tuple(labels[number] for number in truths),
        tuple(labels[number] for number in answers),
        counts[np.ix_(truths, answers)],
    )


def draw_confusions(title: str, runs: Mapping[str, Confusion], path: Path) -> None:
    """Write a PNG with a panel for each run, one below the other; each row adds up to 100 percent."""
    heights = [_FRAME + _CELL * len(confusion.truths) for confusion in runs.values()]
    width = _FRAME + 0.8 + _CELL * max(len(confusion.answers) for confusion in runs.values())
    width = max(width, 6.0)
    figure = new_figure(width, sum(heights), padding=0.12)
    grid = figure.add_gridspec(len(runs), 1, height_ratios=heights)
    for place, (name, confusion) in enumerate(runs.items()):
        _draw_panel(
            figure.add_subplot(grid[place]), wrap(f"{title}: {name}, percent of each row", width - _FRAME), confusion
        )
    save_figure(figure, path)


def _draw_panel(axes: Any, title: str, confusion: Confusion) -> None:
    totals = confusion.counts.sum(axis=1)
    shares = confusion.counts / np.maximum(totals, 1)[:, None]
    axes.imshow(shares, cmap="Blues", vmin=0, vmax=1, aspect="equal")
    for row, column in zip(*np.nonzero(shares >= _LEAST_SHOWN)):
        share = shares[row, column]
        colour = "white" if share > 0.5 else INK
        text = axes.text(column, row, f"{100 * share:.0f}", ha="center", va="center", fontsize=7.5, color=colour)
        # It lies inside its field, and need not be measured to lay the panels out.
        text.set_in_layout(False)
    axes.set_xticks(range(len(confusion.answers)), confusion.answers, rotation=60, ha="right", rotation_mode="anchor")
    axes.set_yticks(
        range(len(confusion.truths)), [f"{name} ({total:,})" for name, total in zip(confusion.truths, totals)]
    )
    axes.tick_params(colors=INK, length=0, labelsize=8.5)
    axes.set_xlabel("taken for", color=MUTED)
    axes.set_ylabel("truth (questions)", color=MUTED)
    axes.set_title(title, loc="left", fontsize=11, color=INK)
    for side in ("top", "right", "left", "bottom"):
        axes.spines[side].set_visible(False)
