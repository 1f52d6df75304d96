"""How right each row is, in every sense its task has, and which video it is about. No torch."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence

import numpy as np

from llavaction.evaluation.config import TaskName
from llavaction.evaluation.intervals import Estimate, estimate_mean
from llavaction.evaluation.predictions import Row
from llavaction.text.matching import normalise
from llavaction.utils.errors import ConfigError, DataError, nearest

_SEGMENT_ID = re.compile(r"(.+)_\d+")


def _predicted(row: Row, *parts: int) -> bool:
    """Whether the named parts (0 verb, 1 noun, 2 action) are all right."""
    return row.predicted is not None and all(row.predicted[part] == row.truth[part] for part in parts)


OUTCOMES: dict[TaskName, dict[str, Callable[[Row], bool]]] = {
    TaskName.MQA: {"accuracy": lambda row: row.chosen_idx is not None and row.chosen_idx == row.answer_idx},
    TaskName.DIRECT: {
        "exact": lambda row: normalise(row.raw or "") == normalise(row.answer),
        "verb": lambda row: _predicted(row, 0),
        "noun": lambda row: _predicted(row, 1),
        # An action is right when its verb and its noun are: a text may name a pair that has no action id.
        "action": lambda row: _predicted(row, 0, 1),
    },
    # Each head answers for itself; the action head does not have to agree with the other two.
    TaskName.ACTION_HEAD: {
        "verb": lambda row: _predicted(row, 0),
        "noun": lambda row: _predicted(row, 1),
        "action": lambda row: _predicted(row, 2),
    },
}
"""By kind of task and name of the metric: whether a row is right. The metric is the share of rows that are."""


def outcomes_of(rows: Sequence[Row], metric: str) -> np.ndarray:
    """Whether each row is right, bool `[N]`.

    Raises:
        ConfigError: when the rows' task has no such metric.
        DataError: when there are no rows, or they are of several kinds.
    """
    known = OUTCOMES[kind_of(rows)]
    if metric not in known:
        raise ConfigError(
            f"task {rows[0].task!r}: no metric {metric!r}{nearest(metric, known)} (has {', '.join(known)})"
        )
    return np.array([known[metric](row) for row in rows])


def kind_of(rows: Sequence[Row]) -> TaskName:
    """The kind of task that all rows are of.

    Raises:
        DataError: when there are none, or they are of several kinds.
    """
    if not rows:
        raise DataError("no rows to compute metrics from")
    for row in rows:
        if row.kind is not rows[0].kind:
            raise DataError(
                f"row {row.sample_id!r} is of kind {row.kind}, row {rows[0].sample_id!r} of {rows[0].kind}; "
                "metrics are over one kind of question"
            )
    return rows[0].kind


def video_ids(rows: Sequence[Row]) -> list[str]:
    """The video of each row: an EK100 segment id is the video's and a number, ``P01_11_0`` is of ``P01_11``.

    Raises:
        DataError: for a segment id of another form.
    """
    matches = [(row, _SEGMENT_ID.fullmatch(row.segment_id)) for row in rows]
    for row, match in matches:
        if match is None:
            raise DataError(
                f"row {row.sample_id!r}: segment {row.segment_id!r} is not VIDEO_NUMBER; whose video is it?"
            )
    return [match.group(1) for _, match in matches if match is not None]


def task_estimates(rows: Sequence[Row], seed: int = 0) -> dict[str, Estimate]:
    """Every metric of one task's rows with its interval, clustered by video.

    Raises:
        DataError: when there are no rows, or they are of several kinds.
    """
    videos = video_ids(rows)
    return {
        metric: estimate_mean(outcomes_of(rows, metric), videos, seed, "metric", metric)
        for metric in OUTCOMES[kind_of(rows)]
    }
