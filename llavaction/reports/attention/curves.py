"""A picture of curves over layers: where attention goes, and how alike visual and text tokens are, run beside run."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from typing import Any

from llavaction.evaluation.attention.places import Query
from llavaction.evaluation.attention.summary import Curve, RunSummary, Summary
from llavaction.reports.attention.style import (
    GROUP_COLOURS,
    GROUP_WORDS,
    LIKENESS_COLOURS,
    LIKENESS_WORDS,
    QUERY_WORDS,
)
from llavaction.reports.pictures import INK, MUTED, dress, new_figure, save_figure

# Inches.
_PANEL_WIDTH, _PANEL_HEIGHT, _LEGEND_WIDTH, _PADDING = 4.0, 3.0, 1.6, 0.1
_FEW_LAYERS = 6
"""Curves of up to so many points have marks on them."""


def draw_curves(summary: Summary, path: Path) -> None:
    """Write a PNG: a column per run; rows of shares for each query, of the answer's per token, and of likenesses.

    Bands are 95 % intervals.
    """
    runs = list(summary.runs.values())
    queries = list(dict.fromkeys(query for one in runs for query in one.attention))
    kinds: list[Callable[[Any, RunSummary], None]] = [
        *(partial(_draw_shares, query=query) for query in queries),
        _draw_per_token,
        _draw_likeness,
    ]
    figure = new_figure(_PANEL_WIDTH * len(runs) + _LEGEND_WIDTH, _PANEL_HEIGHT * len(kinds), padding=_PADDING)
    panels = figure.subplots(len(kinds), len(runs), squeeze=False, sharey="row")
    for row, draw in zip(panels, kinds, strict=True):
        for axes, one in zip(row, runs, strict=True):
            draw(axes, one)
        _add_legend(row[-1], row)
    # After the curves, which decide how far the common scales go.
    for row in panels[: len(queries)]:
        row[0].set_ylim(bottom=0)
    _show_half_and_double(panels[len(queries)][0])
    for axes in panels[-1]:
        axes.set_xlabel("layer (0: the decoder's input)", color=MUTED)
    save_figure(figure, path)


def _draw_shares(axes: Any, one: RunSummary, query: Query) -> None:
    dress(axes, f"Attention {QUERY_WORDS[query]}, percent\n{one.info.label}")
    if query not in one.attention:
        axes.text(0.5, 0.5, "no action token", transform=axes.transAxes, ha="center", color=MUTED)
        axes.set_xticks([])
        return
    for group, curve in one.attention[query].shares.items():
        _draw_curve(axes, curve, 1, 100.0, GROUP_COLOURS[group], GROUP_WORDS[group])


def _draw_per_token(axes: Any, one: RunSummary) -> None:
    """Shares relative to an even spread: a single token is seen beside thousands."""
    dress(axes, f"From the answer, times an even spread\n{one.info.label}")
    seen = one.attention[Query.ANSWER]
    axes.axhline(1, color=MUTED, linewidth=1, linestyle="--")
    for group, curve in seen.shares.items():
        _draw_curve(axes, curve, 1, 1 / seen.even[group], GROUP_COLOURS[group], GROUP_WORDS[group])
    _scale_by_powers(axes)


def _show_half_and_double(axes: Any) -> None:
    """Widen a scale that would have a single number on it."""
    low, high = axes.get_ylim()
    axes.set_ylim(min(low, 0.45), max(high, 2.2))


def _draw_likeness(axes: Any, one: RunSummary) -> None:
    dress(axes, f"Likeness of visual and text tokens (cosine)\n{one.info.label}")
    for name, curve in one.likeness.items():
        _draw_curve(axes, curve, 0, 1.0, LIKENESS_COLOURS[name], LIKENESS_WORDS[name])


def _scale_by_powers(axes: Any) -> None:
    """A logarithmic scale with plain numbers on it."""
    axes.set_yscale("log")
    axes.yaxis.get_major_locator().set_params(subs=(1, 2, 5))
    axes.yaxis.set_major_formatter(lambda value, _: f"{value:g}")
    axes.minorticks_off()


def _draw_curve(axes: Any, curve: Curve, first: int, scale: float, colour: str, label: str) -> None:
    layers = range(first, first + len(curve))
    marker = "o" if len(curve) <= _FEW_LAYERS else None
    values = [scale * estimate.value for estimate in curve]
    axes.plot(layers, values, color=colour, linewidth=1.8, marker=marker, markersize=4, label=label)
    lows = [value if estimate.low is None else scale * estimate.low for value, estimate in zip(values, curve)]
    highs = [value if estimate.high is None else scale * estimate.high for value, estimate in zip(values, curve)]
    axes.fill_between(layers, lows, highs, color=colour, alpha=0.15, linewidth=0)
    axes.xaxis.get_major_locator().set_params(integer=True)


def _add_legend(axes: Any, row: Any) -> None:
    """One legend at the right of a row, of all that some panel of it shows."""
    found: Mapping[str, Any] = {
        label: handle for panel in row for handle, label in zip(*panel.get_legend_handles_labels(), strict=True)
    }
    axes.legend(
        list(found.values()),
        list(found),
        loc="upper left",
        bbox_to_anchor=(1.02, 1.0),
        frameon=False,
        labelcolor=INK,
        fontsize=9,
    )
