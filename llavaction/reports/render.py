"""A table as Markdown, JSON and on the terminal."""

from __future__ import annotations

from typing import Any

import rich.box
import rich.table
from rich.markup import escape

from llavaction.reports.collect import Cell, Table

NOTHING = "–"


def to_markdown(table: Table) -> str:
    """The table as Markdown; shares in percent."""
    lines = [
        f"## {table.title}",
        "",
        "| " + " | ".join(["", *table.columns]) + " |",
        "| --- |" + " ---: |" * len(table.columns),
    ]
    lines += ["| " + " | ".join([name, *map(show, cells)]) + " |" for name, cells in table.rows.items()]
    return "\n".join(lines) + "\n"


def to_json(table: Table) -> dict[str, Any]:
    """The table as rows of columns, shares between 0 and 1."""
    return {
        "title": table.title,
        "rows": {
            name: {
                column: {"value": cell.value, "num_questions": cell.num_questions}
                for column, cell in zip(table.columns, cells, strict=True)
            }
            for name, cells in table.rows.items()
        },
    }


def to_terminal(table: Table) -> rich.table.Table:
    """The table for a terminal."""
    shown = rich.table.Table(title=escape(table.title), box=rich.box.SIMPLE_HEAD, pad_edge=False)
    shown.add_column("", no_wrap=True)
    for column in table.columns:
        # Headings break between words, never inside one.
        shown.add_column(escape(column), justify="right", min_width=max(map(len, column.split())))
    for name, cells in table.rows.items():
        shown.add_row(escape(name), *map(show, cells))
    return shown


def show(cell: Cell) -> str:
    """A share in percent with one decimal, a count as it is; a dash where there is none."""
    if cell.value is None:
        return NOTHING
    return f"{100 * cell.value:.1f}" if cell.is_share else f"{cell.value:.0f}"
