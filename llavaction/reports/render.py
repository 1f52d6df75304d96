"""A table as Markdown, JSON and on the terminal."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import rich.box
import rich.table
from rich.markup import escape

from llavaction.reports.table import Cell, Table

NOTHING = "–"
_INTERVALS = "95 % intervals, resampled by video."
_RAISED = str.maketrans("0123456789", "⁰¹²³⁴⁵⁶⁷⁸⁹")


def to_markdown(table: Table) -> str:
    """The table as Markdown: shares in percent with interval and the paper's figure; footnotes below."""
    columns = [_in_cell(column) for column in table.columns]
    lines = [f"## {table.title}", "", f"|  | {' | '.join(columns)} |", "| --- |" + " ---: |" * len(columns)]
    for name, cells in table.rows.items():
        shown = [" ".join(parts(table, cell)) for cell in cells]
        lines.append("| " + " | ".join([_in_cell(name) + row_marks(table, name), *shown]) + " |")
    return "\n".join([*lines, *(f"\n{sentence}" for sentence in explain(table))]) + "\n"


def to_json(table: Table) -> dict[str, Any]:
    """The table as rows of columns, shares between 0 and 1; only what a cell has, save for its value."""
    rows = {
        name: {column: _to_object(cell) for column, cell in zip(table.columns, cells, strict=True)}
        for name, cells in table.rows.items()
    }
    beside = {"row_notes": dict(table.row_notes), "note": table.note, "source": table.source}
    return {"title": table.title, "rows": rows, **{name: value for name, value in beside.items() if value}}


def to_terminal(table: Table) -> rich.table.Table:
    """The table for a terminal: value, interval and the paper's figure below one another."""
    sentences = explain(table, where="Below each figure")
    shown = rich.table.Table(
        title=escape(table.title),
        caption=escape("\n".join(sentences)) if sentences else None,
        caption_justify="left",
        box=rich.box.SIMPLE_HEAD,
        pad_edge=False,
    )
    texts = {name: [_below_one_another(table, cell) for cell in cells] for name, cells in table.rows.items()}
    shown.add_column("", no_wrap=True)
    for place, column in enumerate(table.columns):
        # Headings break between words, never inside one, and figures nowhere.
        words = [*column.split(), *(line for row in texts.values() for line in row[place].splitlines())]
        shown.add_column(escape(column), justify="right", min_width=max(map(len, words)))
    for name, row in texts.items():
        shown.add_row(escape(name + row_marks(table, name)), *map(escape, row))
    return shown


def show(cell: Cell) -> str:
    """A share in percent with one decimal, a count as it is; a dash where there is none."""
    if cell.value is None:
        return NOTHING
    shown = _in_unit(cell, cell.value)
    # A p-value is never 0.
    return (
        f"<{10**-cell.decimals:.{cell.decimals}f}" if cell.value > 0 and cell.decimals and not float(shown) else shown
    )


def parts(table: Table, cell: Cell) -> Iterator[str]:
    """What stands in a cell: the value with its marks, the interval in brackets, the paper's figure in parentheses."""
    numbers = table.footnotes()
    yield show(cell) + marks([numbers[note] for note in cell.notes])
    if cell.low is not None and cell.high is not None:
        yield f"[{_in_unit(cell, cell.low)}, {_in_unit(cell, cell.high)}]"
    if cell.reported is not None:
        yield f"({_percent(cell.reported)})"


def _below_one_another(table: Table, cell: Cell) -> str:
    """The parts of a cell as lines, with a short form of the interval."""
    # A dash would be taken for the sign of a number below 0.
    between = " to " if cell.low is not None and cell.low < 0 else "–"
    return "\n".join(part.strip("[]").replace(", ", between) for part in parts(table, cell))


def row_marks(table: Table, name: str) -> str:
    """The mark of a row's footnote; nothing where it has none."""
    return marks([table.footnotes()[table.row_notes[name]]]) if name in table.row_notes else ""


def marks(numbers: list[int]) -> str:
    """Numbers of footnotes, raised."""
    return " ".join(str(number) for number in numbers).translate(_RAISED)


def explain(table: Table, where: str = "In brackets") -> list[str]:
    """What stands below a table: its note, what the signs in it mean, and the footnotes; `where` intervals stand."""
    sentences = [table.note] if table.note else []
    if any(cell.low is not None for cells in table.rows.values() for cell in cells):
        sentences.append(f"{where}: {_INTERVALS}")
    if table.source is not None:
        sentences.append(f"In parentheses: {table.source}.")
    return [*sentences, *(f"{marks([number])} {text}." for text, number in table.footnotes().items())]


def _in_unit(cell: Cell, value: float) -> str:
    return _percent(value) if cell.is_share else f"{value:.{cell.decimals}f}"


def _percent(share: float) -> str:
    return f"{100 * share:.1f}"


def _in_cell(text: str) -> str:
    # A bar would end the cell.
    return text.replace("|", "\\|")


def _to_object(cell: Cell) -> dict[str, Any]:
    numbers = {"low": cell.low, "high": cell.high, "reported": cell.reported, "run": cell.run}
    counts = {"num_videos": cell.num_videos, "num_excluded": cell.num_excluded, "notes": list(cell.notes)}
    return {
        "value": cell.value,
        "num_questions": cell.num_questions,
        **{name: value for name, value in numbers.items() if value is not None},
        **{name: value for name, value in counts.items() if value},
    }
