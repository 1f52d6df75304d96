"""The comparison of two runs as tables for a terminal."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal

import rich.box
import rich.table
from rich.markup import escape

from llavaction.reports.runs.comparison import Comparison, Difference, MetricComparison, Reading

NOTHING = "–"
_HASH_DIGITS = 12
_NUM_READINGS = 10


def comparison_tables(comparison: Comparison) -> list[rich.table.Table | str]:
    """Configuration, provenance, metrics, and the loss step by step; a sentence instead where there is nothing."""
    tables: list[rich.table.Table | str] = [
        _differences("Configuration", comparison.config),
        _differences("Code, versions and data", comparison.provenance),
        _metrics(comparison.metrics),
    ]
    curve = next((metric for metric in comparison.metrics if metric.name == "loss"), None)
    if curve is not None and curve.shared:
        tables.append(_course(curve))
    return tables


def spread(readings: Sequence[Reading], number: int) -> list[Reading]:
    """At most `number` readings at even distances, the first and the last among them."""
    if len(readings) <= number:
        return list(readings)
    return [readings[round(place * (len(readings) - 1) / (number - 1))] for place in range(number)]


def _differences(title: str, found: Sequence[Difference]) -> rich.table.Table | str:
    if not found:
        return f"{title}: no difference"
    table = _table(title, ["", "A", "B"])
    for difference in found:
        table.add_row(escape(difference.name), _shown(difference.a), _shown(difference.b))
    return table


def _metrics(metrics: Sequence[MetricComparison]) -> rich.table.Table | str:
    if not metrics:
        return "Metrics: neither run has any"
    columns = ["", "A at its end", "B at its end", "equal steps", "first differ", "widest gap (B - A)"]
    table = _table("Metrics", columns, right=columns[1:])
    for metric in metrics:
        first, widest = metric.first_gap, metric.widest
        table.add_row(
            escape(metric.name),
            _shown_end(metric.end_a),
            _shown_end(metric.end_b),
            str(len(metric.shared)),
            ("never" if metric.shared else NOTHING) if first is None else _at(first.step) or "yes",
            NOTHING if widest is None or not widest.gap else f"{widest.gap:+.4g} {_at(widest.step)}".strip(),
        )
    return table


def _course(curve: MetricComparison) -> rich.table.Table:
    columns = ["step", "A", "B", "B - A"]
    table = _table(f"{curve.name} at equal steps", columns, right=columns)
    for reading in spread(curve.shared, _NUM_READINGS):
        table.add_row(f"{reading.step:,}", f"{reading.a:.6g}", f"{reading.b:.6g}", f"{reading.gap:+.3g}")
    return table


def _table(title: str, columns: Sequence[str], right: Sequence[str] = ()) -> rich.table.Table:
    table = rich.table.Table(title=escape(title), title_justify="left", box=rich.box.SIMPLE_HEAD, pad_edge=False)
    for column in columns:
        justify: Literal["left", "right"] = "right" if column in right else "left"
        table.add_column(column, justify=justify, overflow="fold", no_wrap=column == columns[0])
    return table


def _shown(value: Any) -> str:
    if value is None:
        return NOTHING
    is_hash = isinstance(value, str) and len(value) == 64
    return escape(value[:_HASH_DIGITS] if is_hash else str(value))


def _shown_end(end: tuple[int | None, float] | None) -> str:
    return NOTHING if end is None else f"{end[1]:.6g} {_at(end[0])}".strip()


def _at(step: int | None) -> str:
    return "" if step is None else f"@{step:,}"
