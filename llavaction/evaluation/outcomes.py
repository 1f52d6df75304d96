"""How right each row is, in every sense its task has, and which video it is about. No torch."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence

import numpy as np

from llavaction.evaluation.caption_scores import cider, rouge_l
from llavaction.evaluation.config import TaskName
from llavaction.evaluation.intervals import Estimate, estimate_mean
from llavaction.evaluation.predictions import Row, Trial
from llavaction.text.matching import normalise
from llavaction.utils.errors import ConfigError, DataError, nearest

TOP_K = 5
"""Ranked classes among which the truth counts as found, as EK100 has it."""
IOU_THRESHOLDS = (0.3, 0.5, 0.7)
"""Overlaps from which on a stretch of time counts as found."""
_SEGMENT_ID = re.compile(r"(.+)_\d+")

Outcome = Callable[[Sequence[Row]], np.ndarray]
"""What each row counts: bool `[N]` where a row is right or wrong, float `[N]` where it may be partly right."""


def _each(of_row: Callable[[Row], bool]) -> Outcome:
    return lambda rows: np.array([of_row(row) for row in rows], bool)


def _share(of_row: Callable[[Row], float]) -> Outcome:
    return lambda rows: np.array([of_row(row) for row in rows], float)


def _predicted(*parts: int) -> Outcome:
    """Whether the named parts (0 verb, 1 noun, 2 action) are all right."""
    return _each(
        lambda row: row.predicted is not None and all(row.predicted[part] == row.truth[part] for part in parts)
    )


def temporal_iou(row: Row) -> float:
    """Overlap of the true stretch of time and the answered one, over the time that either covers; 0 without an answer.

    Raises:
        DataError: when the row has no true stretch.
    """
    if row.target is None:
        raise DataError(f"row {row.sample_id!r} has no true start and stop")
    if row.span is None:
        return 0.0
    (start, stop), (other_start, other_stop) = row.target, row.span
    both = max(0.0, min(stop, other_stop) - max(start, other_start))
    return both / (stop - start + other_stop - other_start - both)


def shown_trials(row: Row) -> tuple[Trial, ...]:
    """A question as it was shown: a row without trials was shown once, as it is."""
    return row.trials or (Trial(tuple(range(len(row.options))), row.scores, row.raw, row.chosen_idx),)


def is_in_many_orders(rows: Sequence[Row]) -> bool:
    """Whether every question was shown in all rotations of its options."""
    return all(len(row.trials) > 1 and len({len(trial.order) for trial in row.trials}) == 1 for row in rows)


def numbers_of_candidates(rows: Sequence[Row]) -> list[int]:
    """With how many candidates the questions were shown; none when it was not the same for all.

    More than one only where a second stage was swept over K.
    """
    sizes = {tuple(sorted(len(trial.order) for trial in shown_trials(row))) for row in rows}
    return sorted(set(sizes.pop())) if len(sizes) == 1 else []


def _right(row: Row, trial: Trial) -> bool:
    return trial.chosen_idx is not None and trial.chosen_idx == row.answer_idx


def _is_shown(row: Row) -> bool:
    """Whether the truth is among the candidates, of those of the question with the most."""
    return row.answer_idx in max((trial.order for trial in shown_trials(row)), key=len)


_CHOICE: dict[str, Outcome] = {"accuracy": _each(lambda row: _right(row, shown_trials(row)[0]))}
_IN_ORDERS: dict[str, Outcome] = {
    # The mean over orders of the share of right answers.
    "accuracy": _share(lambda row: sum(_right(row, trial) for trial in row.trials) / len(row.trials)),
    "accuracy_every_order": _each(lambda row: all(_right(row, trial) for trial in row.trials)),
    "accuracy_common": _each(lambda row: row.chosen_idx is not None and row.chosen_idx == row.answer_idx),
    "consistency": _each(
        lambda row: row.trials[0].chosen_idx is not None and len({trial.chosen_idx for trial in row.trials}) == 1
    ),
}
_CLASSES: dict[str, Outcome] = {
    "verb": _predicted(0),
    "noun": _predicted(1),
    # An action is right when its verb and its noun are.
    "action": _predicted(0, 1),
}
_TOP: dict[str, Outcome] = {"action_top5": _each(lambda row: row.truth[2] in row.top_actions[:TOP_K])}

OUTCOMES: dict[TaskName, dict[str, Outcome]] = {
    TaskName.MQA: _CHOICE,
    TaskName.SEQUENTIAL: _CHOICE,
    TaskName.CAPTION_THEN_ANSWER: _CHOICE,
    TaskName.TWO_STAGE: {**_CLASSES, "recall": _each(_is_shown)},
    TaskName.DIRECT: {
        "exact": _each(lambda row: normalise(row.raw or "") == normalise(row.answer)),
        **_CLASSES,
        **_TOP,
    },
    # Each head answers for itself; the action head does not have to agree with the other two.
    TaskName.ACTION_HEAD: {"verb": _predicted(0), "noun": _predicted(1), "action": _predicted(2), **_TOP},
    TaskName.ALL_CLASSES: {**_CLASSES, **_TOP},
    TaskName.TEMPORAL_DETECTION: {
        "mean_iou": _share(temporal_iou),
        **{f"r1_iou_{at:g}": _each(lambda row, at=at: temporal_iou(row) >= at) for at in IOU_THRESHOLDS},  # type: ignore[misc]
    },
    TaskName.CAPTION: {"rouge_l": rouge_l, "cider": cider},
}
"""By kind of task and name of the metric, which is the mean over rows."""


def outcomes_for(rows: Sequence[Row]) -> Mapping[str, Outcome]:
    """The metrics that these rows have: their kind's, and those of several orders or numbers of candidates.

    Raises:
        DataError: when there are no rows, or they are of several kinds.
    """
    kind = kind_of(rows)
    if kind is TaskName.TWO_STAGE:
        sizes = numbers_of_candidates(rows)
        at_k = [(name, k) for k in sizes for name in ("action", "recall")] if len(sizes) > 1 else []
        return {**OUTCOMES[kind], **{f"{name}_at_{k}": _AT_K[name](k) for name, k in at_k}}
    if OUTCOMES[kind] is _CHOICE and is_in_many_orders(rows):
        return {**OUTCOMES[kind], **_IN_ORDERS}
    return OUTCOMES[kind]


def _action_at(k: int) -> Outcome:
    # One option stands for the true class, so to choose it is to name the true verb and noun.
    return _each(lambda row: any(_right(row, trial) for trial in shown_trials(row) if len(trial.order) == k))


def _recall_at(k: int) -> Outcome:
    # Candidates stand by rank.
    return _each(lambda row: row.answer_idx is not None and row.answer_idx < k)


_AT_K: dict[str, Callable[[int], Outcome]] = {"action": _action_at, "recall": _recall_at}


def outcomes_of(rows: Sequence[Row], metric: str) -> np.ndarray:
    """How right each row is, bool or float `[N]`.

    Raises:
        ConfigError: when the rows' task has no such metric.
        DataError: when there are no rows, they are of several kinds, or one has no answer.
    """
    known = outcomes_for(rows)
    if metric not in known:
        raise ConfigError(
            f"task {rows[0].task!r}: no metric {metric!r}{nearest(metric, known)} (has {', '.join(known)})"
        )
    for row in rows:
        if row.excluded is not None:
            raise DataError(
                f"row {row.sample_id!r} has no answer ({row.excluded}); leave such rows out with answered_rows, and "
                "report how many"
            )
    return known[metric](rows)


def answered_rows(rows: Sequence[Row]) -> list[Row]:
    """The rows that have an answer.

    Raises:
        DataError: when there are none.
    """
    answered = [row for row in rows if row.excluded is None]
    if rows and not answered:
        raise DataError(
            f"task {rows[0].task!r}: none of the {len(rows)} questions has an answer (first: {rows[0].sample_id!r}: "
            f"{rows[0].excluded})"
        )
    return answered


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
    """Every metric of one task's answered rows with its interval, clustered by video.

    Raises:
        DataError: when there are no rows, or they are of several kinds.
    """
    rows = answered_rows(rows)
    videos = video_ids(rows)
    return {
        metric: estimate_mean(outcomes_of(rows, metric), videos, seed, "metric", metric)
        for metric in outcomes_for(rows)
    }
