"""Rows of a table as lines over the number of options, with what bounds them."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from llavaction.reports.figures.config import FigureConfig
from llavaction.reports.pictures import INK, MUTED, dress, new_figure, pick_colours, save_figure, wrap
from llavaction.reports.table import Cell, Table
from llavaction.reports.tables.config import TableConfig
from llavaction.utils.errors import ConfigError

# Inches.
_WIDTH, _HEIGHT, _LINE = 8.0, 4.2, 0.2


def numbers_of(config: FigureConfig, table: TableConfig) -> list[int]:
    """The number of options of each column.

    Raises:
        ConfigError: when a column says none, or two say the same.
    """
    numbers = [column.num_options for column in table.columns.values()]
    known = [number for number in numbers if number is not None]
    if len(known) < len(numbers) or len(set(known)) < len(known):
        raise ConfigError(
            f"figure {config.title!r}: the columns of table {config.table!r} have num_options {numbers}; each needs "
            "one of its own to be drawn over"
        )
    return known


def draw_over_k(title: str, numbers: Sequence[int], table: Table, path: Path) -> None:
    """Write a PNG with a line for each row that has figures; bounds are dashed, intervals shaded."""
    rows = {name: cells for name, cells in table.rows.items() if any(cell.value is not None for cell in cells)}
    figure = new_figure(_WIDTH, _HEIGHT + _LINE * len(rows), padding=0.12)
    axes = figure.add_subplot()
    for (name, cells), colour in zip(rows.items(), pick_colours(len(rows))):
        _draw_line(axes, name, numbers, cells, colour, is_bound=name in table.bounds)
    axes.set_xscale("log")
    axes.set_xticks(numbers, [str(number) for number in numbers])
    axes.minorticks_off()
    axes.set_ylim(0, 102)
    axes.set_xlabel("options or candidates (K)", color=MUTED)
    axes.set_ylabel("percent", color=MUTED)
    dress(axes, wrap(title, _WIDTH - 1))
    # Below, where no line runs.
    figure.legend(frameon=False, labelcolor=INK, loc="outside lower center", fontsize=9)
    save_figure(figure, path)


def _draw_line(
    axes: Any, name: str, numbers: Sequence[int], cells: Sequence[Cell], colour: str, *, is_bound: bool
) -> None:
    points = sorted((k, cell) for k, cell in zip(numbers, cells, strict=True) if cell.value is not None)
    ks = [k for k, _ in points]
    values = [100 * (cell.value or 0) for _, cell in points]
    axes.plot(ks, values, "--" if is_bound else "-", color=colour, linewidth=2, marker="o", markersize=5, label=name)
    ends = [
        (k, 100 * cell.low, 100 * cell.high) for k, cell in points if cell.low is not None and cell.high is not None
    ]
    if ends:
        places, lows, highs = zip(*ends)
        axes.fill_between(places, lows, highs, color=colour, alpha=0.15, linewidth=0)
