"""Figures from rows alone. No torch."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from llavaction.evaluation.config import TaskName
from llavaction.evaluation.predictions import Row
from llavaction.text.matching import normalise
from llavaction.utils.errors import DataError


def task_metrics(rows: Sequence[Row]) -> dict[str, float]:
    """The metrics of one task's rows; shares between 0 and 1, counts start with `num_`.

    Raises:
        DataError: when there are no rows.
    """
    if not rows:
        raise DataError("no rows to compute metrics from")
    return {"num_questions": len(rows), **_METRICS[rows[0].kind](rows)}


def share(rows: Sequence[Row], holds: Callable[[Row], bool]) -> float:
    """The share of rows for which `holds`."""
    return sum(map(holds, rows)) / len(rows)


def _choice_metrics(rows: Sequence[Row]) -> dict[str, float]:
    return {
        "accuracy": share(rows, lambda row: row.chosen_idx is not None and row.chosen_idx == row.answer_idx),
        "chance": sum(1 / len(row.options) for row in rows) / len(rows),
        "num_unparseable": sum(row.chosen_idx is None for row in rows),
    }


def _text_metrics(rows: Sequence[Row]) -> dict[str, float]:
    return {
        "exact": share(rows, lambda row: normalise(row.raw or "") == normalise(row.answer)),
        **_class_metrics(rows),
        "num_unknown": sum(row.predicted is None for row in rows),
    }


def _class_metrics(rows: Sequence[Row]) -> dict[str, float]:
    # An action is right when its verb and its noun are: a text may name a pair that has no action id.
    return {
        "verb": share(rows, lambda row: row.predicted is not None and row.predicted[0] == row.truth[0]),
        "noun": share(rows, lambda row: row.predicted is not None and row.predicted[1] == row.truth[1]),
        "action": share(rows, lambda row: row.predicted is not None and row.predicted[:2] == row.truth[:2]),
    }


def _head_metrics(rows: Sequence[Row]) -> dict[str, float]:
    # Each head answers for itself; the action head does not have to agree with the other two.
    return {
        name: share(rows, lambda row, i=i: row.predicted is not None and row.predicted[i] == row.truth[i])  # type: ignore[misc]
        for i, name in enumerate(("verb", "noun", "action"))
    }


_METRICS: dict[TaskName, Callable[[Sequence[Row]], dict[str, float]]] = {
    TaskName.MQA: _choice_metrics,
    TaskName.DIRECT: _text_metrics,
    TaskName.ACTION_HEAD: _head_metrics,
}
