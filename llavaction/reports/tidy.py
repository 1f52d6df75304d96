"""Tables as one CSV with a line for each cell, for spreadsheets and further figures."""

from __future__ import annotations

import csv
import io
from collections.abc import Mapping
from typing import Any

from llavaction.reports.table import Cell, Table

COLUMNS = (
    *("table", "row", "column", "value", "low", "high", "num_questions", "num_videos", "num_excluded"),
    *("paper", "run", "unit", "notes"),
)
"""`paper` is the reported figure; `unit` is percent, count or number (a score or a p-value)."""
_DECIMALS = 4


def to_csv(tables: Mapping[str, Table]) -> str:
    """All cells of some tables; shares in percent, an empty field where there is no value."""
    text = io.StringIO()
    writer = csv.DictWriter(text, COLUMNS, lineterminator="\n")
    writer.writeheader()
    for name, table in tables.items():
        for row, cells in table.rows.items():
            for column, cell in zip(table.columns, cells, strict=True):
                notes = [*([table.row_notes[row]] if row in table.row_notes else []), *cell.notes]
                place = {"table": name, "row": row, "column": column, "notes": "; ".join(notes)}
                writer.writerow({**place, **_fields(cell)})
    return text.getvalue()


def _fields(cell: Cell) -> dict[str, Any]:
    unit = "percent" if cell.is_share else "number" if cell.decimals else "count"
    counts = {name: getattr(cell, name) for name in ("num_questions", "num_videos", "num_excluded")}
    return {
        "value": _number(cell.value, unit),
        "low": _number(cell.low, unit),
        "high": _number(cell.high, unit),
        **(counts if cell.value is not None else {}),
        "paper": _number(cell.reported, "percent"),
        "run": cell.run or "",
        "unit": unit,
    }


def _number(value: float | None, unit: str) -> str:
    if value is None:
        return ""
    if unit == "percent":
        return f"{round(100 * value, _DECIMALS):g}"
    return f"{value:.0f}" if unit == "count" else f"{value:g}"
