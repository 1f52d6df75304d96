"""A picture of specialists and questions: recall curves, letters, and the hardest verbs and nouns."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from llavaction.reports.distractor_stats.collect import DistractorStats, SourceStats
from llavaction.reports.distractor_stats.questions import QuestionStats
from llavaction.reports.pictures import INK, MUTED, dress, new_figure, pick_colours, save_figure
from llavaction.sft.prompts import LETTERS
from llavaction.specialists.agreement import ClassDifficulty

_K_TICKS = (1, 2, 5, 10, 20, 50, 100)

# Inches.
_WIDTH, _TOP_HEIGHT, _BAR, _BARS_FRAME = 12.0, 4.2, 0.26, 1.2


def draw_stats(stats: DistractorStats, path: Path) -> None:
    """Write a PNG: curves and letters above, below them a row with the hardest verbs and nouns of each source."""
    shown = [(name, source) for name, source in stats.sources.items() if source.hardest_verbs or source.hardest_nouns]
    heights = [
        _TOP_HEIGHT,
        *(_BARS_FRAME + _BAR * max(len(source.hardest_verbs), len(source.hardest_nouns)) for _, source in shown),
    ]
    figure = new_figure(_WIDTH, sum(heights), padding=0.15)
    rows = figure.add_gridspec(len(heights), 1, height_ratios=heights)
    top = rows[0].subgridspec(1, bool(stats.sources) + bool(stats.questions))
    if stats.sources:
        _draw_recall(figure.add_subplot(top[0]), stats.sources)
    if stats.questions:
        # Other colours than those of the sources, as these are other things.
        _draw_letters(
            figure.add_subplot(top[-1]), stats.questions, pick_colours(len(stats.questions), len(stats.sources))
        )
    colours = dict(zip(stats.sources, pick_colours(len(stats.sources))))
    for row, (name, source) in enumerate(shown, start=1):
        halves = rows[row].subgridspec(1, 2)
        _draw_classes(figure.add_subplot(halves[0]), f"Hardest verbs for {name}", source.hardest_verbs, colours[name])
        _draw_classes(figure.add_subplot(halves[1]), f"Hardest nouns for {name}", source.hardest_nouns, colours[name])
    save_figure(figure, path)


def _draw_recall(axes: Any, sources: Mapping[str, SourceStats]) -> None:
    for (name, source), colour in zip(sources.items(), pick_colours(len(sources))):
        ks = list(source.recall)
        label = f"{name} ({source.split})"
        axes.plot(ks, [100 * share for share in source.recall.values()], color=colour, linewidth=2, label=label)
    most = max(len(source.recall) for source in sources.values())
    axes.set_xscale("log")
    axes.set_xlim(1, max(most, 2))
    axes.set_ylim(0, 100)
    axes.set_xticks([k for k in _K_TICKS if k <= most], [str(k) for k in _K_TICKS if k <= most])
    axes.minorticks_off()
    axes.set_xlabel("first K actions", color=MUTED)
    dress(axes, "True action among the first K, percent")
    axes.legend(loc="lower right", frameon=False, labelcolor=INK)


def _draw_letters(axes: Any, questions: Mapping[str, QuestionStats], colours: Sequence[str]) -> None:
    width = 0.8 / len(questions)
    most = max(len(entry.letters.counts) for entry in questions.values())
    highest = 0.0
    for place, (name, entry) in enumerate(questions.items()):
        shares = 100 * np.array(entry.letters.counts) / entry.num_questions
        middle = np.arange(len(shares)) + (place - (len(questions) - 1) / 2) * width
        label = f"{name} (p = {entry.letters.p_value:.2g})"
        axes.bar(middle, shares, width * 0.9, color=colours[place], label=label)
        # Without a bias all bars end at this line.
        axes.axhline(100 / len(shares), color=MUTED, linewidth=1, linestyle="--")
        highest = max(highest, float(shares.max()))
    axes.set_xticks(range(most), list(LETTERS[:most]))
    # Room for the legend above the bars.
    axes.set_ylim(0, highest * (1.15 + 0.09 * len(questions)))
    dress(axes, "Letter of the right answer, percent of questions")
    axes.legend(loc="upper right", frameon=False, labelcolor=INK)


def _draw_classes(axes: Any, title: str, classes: Sequence[ClassDifficulty], colour: str) -> None:
    places = np.arange(len(classes))
    early = [100 * entry.recall_at_5 for entry in classes]
    axes.barh(places, [100 * entry.top1 for entry in classes], 0.7, color=colour)
    axes.plot(early, places, linestyle="none", marker="D", markersize=5, color=INK, clip_on=False)
    axes.set_yticks(places, [f"{entry.name} ({entry.num_segments})" for entry in classes])
    axes.set_xlim(0, 100)
    # The hardest stands on top.
    axes.set_ylim(max(len(classes), 1) - 0.4, -0.6)
    axes.set_xlabel("percent; bars: top-1, ◆: recall@5", color=MUTED)
    dress(axes, title, grid="x")
