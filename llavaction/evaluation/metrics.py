"""Figures from rows alone. No torch."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from llavaction.evaluation.config import TaskName
from llavaction.evaluation.outcomes import OUTCOMES, kind_of, outcomes_of
from llavaction.evaluation.predictions import Row


def task_metrics(rows: Sequence[Row]) -> dict[str, float]:
    """The metrics of one task's rows; shares between 0 and 1, counts start with `num_`.

    Raises:
        DataError: when there are no rows, or they are of several kinds.
    """
    kind = kind_of(rows)
    shares = {metric: float(outcomes_of(rows, metric).mean()) for metric in OUTCOMES[kind]}
    return {"num_questions": len(rows), **shares, **_BESIDE[kind](rows)}


def _beside_choices(rows: Sequence[Row]) -> dict[str, float]:
    return {
        "chance": sum(1 / len(row.options) for row in rows) / len(rows),
        "num_unparseable": sum(row.chosen_idx is None for row in rows),
    }


def _beside_texts(rows: Sequence[Row]) -> dict[str, float]:
    return {"num_unknown": sum(row.predicted is None for row in rows)}


_BESIDE: dict[TaskName, Callable[[Sequence[Row]], dict[str, float]]] = {
    TaskName.MQA: _beside_choices,
    TaskName.DIRECT: _beside_texts,
    TaskName.ACTION_HEAD: lambda rows: {},
}
