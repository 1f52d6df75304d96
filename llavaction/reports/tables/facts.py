"""What tables and figures need to know of a task's rows, so that each file is read once and its rows are let go."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from operator import attrgetter
from typing import Any

from llavaction.evaluation.config import CHOICES, TaskName
from llavaction.evaluation.intervals import Estimate, estimate_mean
from llavaction.evaluation.metrics import task_metrics
from llavaction.evaluation.outcomes import answered_rows, kind_of, outcomes_for, video_ids
from llavaction.evaluation.predictions import Row, read_rows
from llavaction.evaluation.same_questions import QUESTION_FIELDS
from llavaction.reports.tables.config import SameBy
from llavaction.reports.tables.recognition import Recognition, is_recognition
from llavaction.reports.tables.run_state import EvaluationFolder
from llavaction.utils.errors import ConfigError, nearest

Extract = Callable[[Sequence[Row], EvaluationFolder], Any]
"""What a figure takes from rows."""

_SAME_FIELDS = {SameBy.QUESTIONS: QUESTION_FIELDS, SameBy.SEGMENTS: ("segment_id", "truth")}


@dataclass(frozen=True)
class TaskFacts:
    """The rows of one task of one run.

    Attributes:
        num_rows: all of them; `num_excluded` have no answer.
        num_options: of every question; None where they differ, or there are none.
        values: the asked metrics: with an interval, as a number, or None where there is nothing to compute it from.
        prints: equal for two runs of the same process that were asked the same.
        extracts: what figures took, by figure.
    """

    run: EvaluationFolder
    task: str
    kind: TaskName
    num_rows: int
    num_excluded: int
    num_options: int | None
    values: Mapping[str, Estimate | float | None]
    prints: Mapping[SameBy, int]
    extracts: Mapping[str, Any]


def read_facts(
    run: EvaluationFolder,
    task: str,
    metrics: Collection[str],
    recognition: Recognition | None,
    extracts: Mapping[str, Extract],
) -> TaskFacts:
    """Read the rows of a task and keep what is asked of them.

    Args:
        metrics: names; those of recognition are None without `recognition`.
        extracts: by figure.

    Raises:
        ConfigError: when the task has no such metric.
        DataError: when the rows are none, or cannot give what is asked.
    """
    rows = read_rows(run.rows_file(task))
    with run.naming(task):
        kind = kind_of(rows)
        values = _values(rows, run, task, metrics, recognition)
        taken = {name: extract(rows, run) for name, extract in extracts.items()}
    sizes = {len(row.options) for row in rows}
    return TaskFacts(
        run=run,
        task=task,
        kind=kind,
        num_rows=len(rows),
        num_excluded=sum(row.excluded is not None for row in rows),
        num_options=sizes.pop() if kind in CHOICES and len(sizes) == 1 else None,
        values=values,
        prints={same_by: _print(rows, fields) for same_by, fields in _SAME_FIELDS.items()},
        extracts=taken,
    )


def _values(
    rows: Sequence[Row], run: EvaluationFolder, task: str, metrics: Collection[str], recognition: Recognition | None
) -> dict[str, Estimate | float | None]:
    """The asked metrics; those with an interval where there is one."""
    answered = answered_rows(rows)
    outcomes = outcomes_for(answered)
    values: dict[str, Estimate | float | None] = {metric: None for metric in metrics if is_recognition(metric)}
    if values and recognition is not None:
        figures = recognition.of_rows(rows, run.classes, str(run.rows_file(task)))
        values = {metric: figures[metric] for metric in values}
    videos = video_ids(answered)
    for metric in outcomes.keys() & set(metrics):
        values[metric] = estimate_mean(outcomes[metric](answered), videos, 0, "metric", metric)
    rest = set(metrics) - values.keys()
    beside = task_metrics(rows) if rest else {}
    for metric in rest:
        if metric not in beside:
            known = dict.fromkeys([*outcomes, *beside])
            raise ConfigError(f"no metric {metric!r}{nearest(metric, known)} (has {', '.join(known)})")
        values[metric] = beside[metric]
    return values


def _print(rows: Sequence[Row], fields: Sequence[str]) -> int:
    """Equal, in this process, for rows in any order that agree in these fields."""
    return hash(frozenset(map(attrgetter(*fields), rows)))
