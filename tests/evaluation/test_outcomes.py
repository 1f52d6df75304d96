"""What counts as right, whose video a row is of, and metrics with intervals."""

from __future__ import annotations

from dataclasses import replace

import pytest

from llavaction.annotations.epic_kitchens import Annotations
from llavaction.evaluation.config import TaskName
from llavaction.evaluation.metrics import task_metrics
from llavaction.evaluation.outcomes import OUTCOMES, kind_of, outcomes_of, task_estimates, video_ids
from llavaction.evaluation.predictions import Row
from llavaction.utils.errors import ConfigError, DataError
from tests.evaluation.rows import choice, heads, text

ROWS = {
    "mqa": [choice(0, 0), choice(1, 2), choice(2, None, raw="hm"), choice(3, 3, answer_idx=3)],
    "direct": [
        text(0, "take plate", "take plate", (1, 2, 3)),
        text(1, "grab", "take", (1, 5, -1)),
        text(2, "", "a", None),
    ],
    "action_head": [heads(0, 1, 2, 7), heads(1, 9, 9, 3)],
}


@pytest.mark.parametrize("kind", ROWS)
def test_estimates_are_the_metrics_with_intervals(kind: str) -> None:
    rows = [replace(row, segment_id=f"P01_{number:02}_7") for number, row in enumerate(ROWS[kind])]
    estimates, metrics = task_estimates(rows), task_metrics(rows)

    assert list(estimates) == list(OUTCOMES[kind_of(rows)])
    for metric, estimate in estimates.items():
        assert estimate.value == pytest.approx(metrics[metric])
        assert estimate.low is not None and estimate.high is not None
        assert estimate.low <= estimate.value <= estimate.high
        assert (estimate.num_rows, estimate.num_clusters) == (len(rows), len(rows))


def test_right_and_wrong_by_row() -> None:
    assert outcomes_of(ROWS["mqa"], "accuracy").tolist() == [True, False, False, True]
    assert outcomes_of(ROWS["direct"], "verb").tolist() == [True, True, False]
    assert outcomes_of(ROWS["direct"], "action").tolist() == [True, False, False]
    assert outcomes_of(ROWS["action_head"], "action").tolist() == [False, True]


def test_the_video_is_in_the_segment_id() -> None:
    rows = [replace(choice(0, 0), segment_id=name) for name in ("P01_11_0", "P01_101_12", "P22_07_345")]

    assert video_ids(rows) == ["P01_11", "P01_101", "P22_07"]
    with pytest.raises(DataError, match="row 'q/0': segment 'clip-a' is not VIDEO_NUMBER"):
        video_ids([replace(choice(0, 0), segment_id="clip-a")])


def test_every_real_segment_is_of_the_video_in_its_id(ek100: Annotations) -> None:
    rows = [Row("t", TaskName.MQA, "q", segment.segment_id, (0, 0, 0), "") for segment in ek100.validation]

    assert video_ids(rows) == [segment.video_id for segment in ek100.validation]


def test_what_a_task_has_not_is_named() -> None:
    with pytest.raises(ConfigError, match="no metric 'acuracy'; did you mean 'accuracy'"):
        outcomes_of(ROWS["mqa"], "acuracy")
    with pytest.raises(DataError, match="row 'q/0' is of kind direct, row 'q/0' of mqa"):
        outcomes_of([*ROWS["mqa"], *ROWS["direct"]], "accuracy")
    with pytest.raises(DataError, match="no rows"):
        kind_of([])
