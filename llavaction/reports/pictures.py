"""What all pictures of reports have in common: colours, a figure without a window, the look of a panel."""

from __future__ import annotations

import textwrap
from pathlib import Path
from typing import Any

INK, MUTED, RULE = "#1f2328", "#6b7280", "#e5e7eb"
COLOURS = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9")
"""Colours that also people with red-green blindness tell apart (Okabe and Ito)."""

_DOTS_PER_INCH = 110
_LETTERS_PER_INCH = 10.5
"""Of headings."""


def new_figure(width: float, height: float, *, padding: float | None = None) -> Any:
    """An empty figure, in inches, without pyplot: no global state, no window system.

    Args:
        padding: inches around panels, which are then laid out so that nothing overlaps; None leaves that to the caller.
    """
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure
    from matplotlib.layout_engine import ConstrainedLayoutEngine

    layout = None if padding is None else ConstrainedLayoutEngine(w_pad=padding, h_pad=padding)
    figure = Figure(figsize=(width, height), facecolor="white", layout=layout)
    FigureCanvasAgg(figure)
    return figure


def save_figure(figure: Any, path: Path) -> None:
    """Write a PNG; the folder is made."""
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path, dpi=_DOTS_PER_INCH)


def wrap(text: str, width: float) -> str:
    """Break a heading into lines that fit into `width` inches."""
    return "\n".join(textwrap.wrap(text, max(1, int(width * _LETTERS_PER_INCH))))


def pick_colours(number: int, first: int = 0) -> list[str]:
    """Colours for `number` things, beginning with number `first`; they come again when all are used."""
    return [COLOURS[(first + place) % len(COLOURS)] for place in range(number)]


def dress(axes: Any, title: str, grid: str = "y") -> None:
    """One look for all panels."""
    axes.set_title(title, loc="left", fontsize=11, color=INK)
    axes.tick_params(colors=MUTED, length=0)
    axes.set_axisbelow(True)
    axes.grid(axis=grid, color=RULE)
    for side in ("top", "right"):
        axes.spines[side].set_visible(False)
    for side in ("left", "bottom"):
        axes.spines[side].set_color(RULE)
