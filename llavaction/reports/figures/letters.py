"""Letter bias: how often each letter was chosen where each was right equally often."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from llavaction.evaluation.intervals import Estimate, estimate_mean
from llavaction.evaluation.outcomes import answered_rows, is_in_many_orders, shown_trials, video_ids
from llavaction.evaluation.predictions import Row
from llavaction.reports.pictures import INK, MUTED, dress, new_figure, pick_colours, save_figure, wrap
from llavaction.reports.tables.run_state import EvaluationFolder
from llavaction.sft.prompts import LETTERS
from llavaction.utils.errors import DataError

# Inches.
_WIDTH, _HEIGHT, _LINE = 9.0, 3.8, 0.2


@dataclass(frozen=True)
class LetterChoices:
    """Share of each letter among the answers that could be read, A first, and how many could not."""

    shares: tuple[Estimate, ...]
    num_unparseable: int


def count_letters(rows: Sequence[Row], run: EvaluationFolder) -> LetterChoices:
    """The letters that were chosen over all orders of all answered questions.

    Raises:
        DataError: when questions were not shown in all cyclic orders, have different numbers of options, or no answer
            could be read.
    """
    rows = answered_rows(rows)
    if not is_in_many_orders(rows):
        raise DataError(
            "questions were shown in one order, in which letters are right more or less often by chance; letter bias "
            "needs a task with order=cyclic"
        )
    sizes = {len(row.options) for row in rows}
    if len(sizes) > 1:
        raise DataError(f"questions with {sorted(sizes)} options; letters compare where all have the same number")
    trials = [(video, trial.letter_idx) for video, row in zip(video_ids(rows), rows) for trial in shown_trials(row)]
    read = [(video, letter) for video, letter in trials if letter is not None]
    if not read:
        raise DataError("no answer could be read")
    letters, videos = np.array([letter for _, letter in read]), [video for video, _ in read]
    shares = (estimate_mean(letters == place, videos, 0, "letter", place) for place in range(sizes.pop()))
    return LetterChoices(tuple(shares), len(trials) - len(read))


def draw_letters(title: str, runs: Mapping[str, LetterChoices], path: Path) -> None:
    """Write a PNG with a bar for each letter and run; dashed lines are what a model without a bias would choose."""
    most = max(len(choices.shares) for choices in runs.values())
    width = 0.8 / len(runs)
    figure = new_figure(max(_WIDTH, 0.25 * most * len(runs)), _HEIGHT + _LINE * len(runs), padding=0.12)
    axes = figure.add_subplot()
    for place, ((name, choices), colour) in enumerate(zip(runs.items(), pick_colours(len(runs)))):
        middles = np.arange(len(choices.shares)) + (place - (len(runs) - 1) / 2) * width
        unread = f" ({choices.num_unparseable:,} answers unread)" if choices.num_unparseable else ""
        shares = [100 * share.value for share in choices.shares]
        axes.bar(middles, shares, width * 0.9, color=colour, label=f"{name}{unread}")
        for middle, share in zip(middles, choices.shares):
            if share.low is not None and share.high is not None:
                axes.plot([middle, middle], [100 * share.low, 100 * share.high], color=INK, linewidth=1.2)
    for size in sorted({len(choices.shares) for choices in runs.values()}):
        axes.plot([-0.5, size - 0.5], [100 / size, 100 / size], color=MUTED, linewidth=1, linestyle="--")
    axes.set_xticks(range(most), list(LETTERS[:most]))
    axes.set_xlim(-0.5, most - 0.5)
    axes.set_ylim(bottom=0)
    axes.set_xlabel("letter", color=MUTED)
    axes.set_ylabel("percent of answers", color=MUTED)
    dress(axes, wrap(title, _WIDTH - 1))
    figure.legend(frameon=False, labelcolor=INK, loc="outside lower center", fontsize=9)
    save_figure(figure, path)
