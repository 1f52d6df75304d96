"""A column of a table as bars with intervals, beside the paper's figures."""

from __future__ import annotations

from collections.abc import Collection
from pathlib import Path
from typing import Any

from llavaction.reports.figures.config import FigureConfig
from llavaction.reports.pictures import COLOURS, INK, MUTED, dress, new_figure, save_figure, wrap
from llavaction.reports.table import Cell, Table
from llavaction.utils.errors import ConfigError, nearest

# Inches.
_WIDTH, _ROW, _FRAME = 9.0, 0.36, 1.3
_ROOM_FOR_TEXT = 8
"""Percent that a bar must have to hold its figure."""


def check_column(config: FigureConfig, columns: Collection[str]) -> None:
    """Raises: ConfigError, when the table has no such column."""
    if config.column is not None and config.column not in columns:
        raise ConfigError(
            f"figure {config.title!r}: table {config.table!r} has no column {config.column!r}"
            f"{nearest(config.column, columns)}"
        )


def shown_cells(config: FigureConfig, table: Table) -> dict[str, Cell]:
    """The cell of each row: of the asked column, or the last with a figure of ours, or else of the paper."""
    return {name: _pick(config.column, table, cells) for name, cells in table.rows.items()}


def draw_bars(title: str, cells: dict[str, Cell], path: Path) -> None:
    """Write a PNG with a bar for each row, from top to bottom; a row without a figure of ours keeps its place."""
    figure = new_figure(_WIDTH, _FRAME + _ROW * len(cells), padding=0.12)
    axes = figure.add_subplot()
    for place, cell in enumerate(cells.values()):
        _draw_bar(axes, place, cell)
    axes.plot([], [], color=INK, linewidth=1.6, label="95 % interval")
    reported = [(100 * cell.reported, place) for place, cell in enumerate(cells.values()) if cell.reported is not None]
    if reported:
        shares, places = zip(*reported)
        axes.plot(shares, places, linestyle="none", marker="D", markersize=6, color=COLOURS[1], label="the paper")
    axes.set_yticks(range(len(cells)), list(cells))
    # The first row stands on top.
    axes.set_ylim(len(cells) - 0.4, -0.6)
    axes.set_xlim(0, 100)
    axes.set_xlabel("percent", color=MUTED)
    dress(axes, "", grid="x")
    # Over the names too, which leave the bars little room.
    figure.suptitle(wrap(title, _WIDTH - 0.5), x=0.02, ha="left", fontsize=11, color=INK)
    figure.legend(frameon=False, labelcolor=INK, loc="outside lower right", ncols=2, fontsize=9)
    save_figure(figure, path)


def _draw_bar(axes: Any, place: int, cell: Cell) -> None:
    if cell.value is None:
        return
    percent = 100 * cell.value
    axes.barh(place, percent, 0.66, color=COLOURS[0])
    fits = percent >= _ROOM_FOR_TEXT
    axes.text(
        1 if fits else percent + 1, place, f"{percent:.1f}", va="center", color="white" if fits else INK, fontsize=9
    )
    if cell.low is not None and cell.high is not None:
        axes.plot([100 * cell.low, 100 * cell.high], [place, place], color=INK, linewidth=1.6)


def _pick(column: str | None, table: Table, cells: tuple[Cell, ...]) -> Cell:
    if column is not None:
        return cells[table.columns.index(column)]
    for name in ("value", "reported"):
        having = [cell for cell in cells if getattr(cell, name) is not None]
        if having:
            return having[-1]
    return cells[-1]
