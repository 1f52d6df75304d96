"""Which earlier actions a question can tell, and in whose words."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from llavaction.annotations.epic_kitchens import Annotations
from llavaction.evaluation.config import TaskName
from llavaction.evaluation.predictions import Row as AnswerRow
from llavaction.sft.prior_actions import PriorConfig, previous_segments, read_answers, tell
from llavaction.sft.samples import PriorAction
from llavaction.utils.errors import ConfigError, DataError
from llavaction.utils.jsonl import write_jsonl
from tests.properties import reproducible
from tests.sft.worlds import Row, all_segments, in_other_order, make_annotations, worlds

KINDS = [("take plate", 0, 0), ("put cup", 1, 1), ("wash knife", 2, 2), ("wash tap", 2, 3)]


def at(*times: tuple[float, float] | tuple[float, float, int]) -> Annotations:
    """Training segments with these starts and stops, each of its own class unless one is told."""
    rows = []
    for number, (start_s, stop_s, *kind) in enumerate(times):
        rows.append(Row(*KINDS[kind[0] if kind else number], start_s=start_s, length_s=stop_s - start_s))
    return make_annotations(rows, [])


def before(annotations: Annotations, num_actions: int = 1, max_gap_s: float = 3.0) -> dict[str, list[str]]:
    found = previous_segments(annotations, PriorConfig(num_actions, max_gap_s))
    return {name: [segment.segment_id for segment in segments] for name, segments in found.items()}


def test_the_segments_before_come_earliest_first() -> None:
    annotations = at((0, 1), (2, 3), (4, 5), (6, 7))
    assert before(annotations) == {"T1": ["T0"], "T2": ["T1"], "T3": ["T2"]}
    assert before(annotations, 2) == {"T2": ["T0", "T1"], "T3": ["T1", "T2"]}
    assert before(annotations, 3) == {"T3": ["T0", "T1", "T2"]}
    assert before(annotations, 4) == {}


def test_a_longer_gap_ends_the_history() -> None:
    annotations = at((0, 1), (4, 5), (8.01, 9), (9, 10))
    assert before(annotations) == {"T1": ["T0"], "T3": ["T2"]}
    assert before(annotations, 2) == {}
    assert before(annotations, 2, max_gap_s=3.01) == {"T2": ["T0", "T1"], "T3": ["T1", "T2"]}


def test_touching_segments_have_no_gap() -> None:
    assert before(at((0, 4), (4, 5)), max_gap_s=0.0) == {"T1": ["T0"]}


def test_what_is_still_running_has_a_gap_of_0() -> None:
    assert before(at((0, 9), (4, 5)), max_gap_s=0.0) == {"T1": ["T0"]}


def test_what_starts_at_the_same_time_is_not_before() -> None:
    assert before(at((0, 1), (1, 2), (1, 5))) == {"T1": ["T0"], "T2": ["T0"]}


def test_the_answer_itself_that_is_still_running_is_not_told() -> None:
    annotations = at((0, 1, 0), (1, 6, 1), (4, 8, 1))
    assert before(annotations) == {"T1": ["T0"], "T2": ["T0"]}


def test_the_same_action_that_has_ended_is_told() -> None:
    assert before(at((0, 1, 1), (1, 4, 1))) == {"T1": ["T0"]}


def test_videos_are_apart() -> None:
    rows = [Row("take plate", 0, 0, 0.0, 1.0, "P01_01"), Row("put cup", 1, 1, 1.0, 1.0, "P01_02")]
    assert before(make_annotations(rows, [])) == {}


def test_splits_are_apart() -> None:
    same = "P01_01"
    annotations = make_annotations([Row("take plate", 0, 0, 0.0, 1.0, same)], [Row("put cup", 1, 1, 1.0, 1.0, same)])
    assert before(annotations) == {}


@reproducible
@given(worlds, st.integers(1, 3), st.sampled_from([0.0, 0.5, 3.0]), st.integers(0, 3))
def test_what_is_told_has_begun_before_and_is_not_the_answer(
    annotations: Annotations, num_actions: int, max_gap_s: float, seed: int
) -> None:
    config = PriorConfig(num_actions, max_gap_s)
    found = previous_segments(annotations, config)
    assert found == previous_segments(in_other_order(annotations, seed), config)
    by_id = {segment.segment_id: segment for segment, _ in all_segments(annotations)}
    for segment_id, segments in found.items():
        segment = by_id[segment_id]
        starts = [other.start_s for other in segments]
        assert len(starts) == num_actions
        assert starts == sorted(starts)
        for other in segments:
            assert other.video_id == segment.video_id
            assert other.start_s < segment.start_s
            assert other.action_key != segment.action_key or other.stop_s <= segment.start_s


SEGMENTS = at((0, 1), (2.004, 3), (4, 5)).train.segments


def test_narrations_are_told_with_the_seconds_since_their_start() -> None:
    assert tell(SEGMENTS[2], tuple(SEGMENTS[:2]), None) == (
        PriorAction("T0", "take plate", 4.0),
        PriorAction("T1", "put cup", 2.0),
    )


def test_a_models_answers_are_told_instead() -> None:
    told = tell(SEGMENTS[2], tuple(SEGMENTS[:2]), {"T0": "put dish", "T1": "put cup", "T2": "wash"})
    assert [action.text for action in told] == ["put dish", "put cup"]


@pytest.mark.parametrize("answers", [{}, {"T0": "put dish"}, {"T1": "put cup"}])
def test_nothing_is_told_when_one_answer_is_missing(answers: dict[str, str]) -> None:
    assert tell(SEGMENTS[2], tuple(SEGMENTS[:2]), answers) == ()


def write(tmp_path: Path, *rows: dict[str, Any]) -> Path:
    write_jsonl(tmp_path / "answers.jsonl", rows)
    return tmp_path / "answers.jsonl"


def evaluated(segment_id: str, **fields: Any) -> dict[str, Any]:
    """A row as `llavaction evaluate` writes it."""
    row = AnswerRow("mqa", TaskName.MQA, f"mqa/random/{segment_id}", segment_id, (0, 0, 0), "take plate", **fields)
    return {name: list(value) if isinstance(value, tuple) else value for name, value in row.to_row().items()}


def test_answers_of_both_forms(tmp_path: Path) -> None:
    options = ("take plate", "put cup")
    path = write(
        tmp_path,
        {"segment_id": "T0", "text": "take plate"},
        {"segment_id": "T1", "text": ""},
        {"segment_id": "T2", "text": None},
        evaluated("T3", options=options, answer_idx=0, chosen_idx=1, raw="B"),
        evaluated("T4", options=options, answer_idx=0, chosen_idx=None, raw="Well ..."),
        evaluated("T5", raw="wash knife"),
        evaluated("T6"),
    )
    assert read_answers(path) == {"T0": "take plate", "T3": "put cup", "T5": "wash knife"}


@pytest.mark.parametrize(
    ("row", "problem"),
    [
        ({"text": "take plate"}, r"answers\.jsonl:2: expected segment_id and text"),
        ({"segment_id": 7, "text": "take plate"}, r"answers\.jsonl:2: expected segment_id and text"),
        ({"segment_id": "T1"}, r"answers\.jsonl:2: expected segment_id and text"),
        ({"segment_id": "T0", "text": "put cup"}, r"answers\.jsonl:2: segment 'T0' stands in the file twice"),
        ({"segment_id": "T1", "options": ["a", "b"], "chosen_idx": 2}, "chosen_idx = 2 is none of its 2 options"),
        ({"segment_id": "T1", "options": ["a", "b"], "chosen_idx": -1}, "chosen_idx = -1 is none of its 2 options"),
        ({"segment_id": "T1", "options": ["a", "b"], "chosen_idx": "A"}, "chosen_idx = 'A' is none of its 2 options"),
    ],
)
def test_rows_that_are_no_answers_are_refused(tmp_path: Path, row: dict[str, Any], problem: str) -> None:
    with pytest.raises(DataError, match=problem):
        read_answers(write(tmp_path, {"segment_id": "T0", "text": "take plate"}, row))


def test_a_repeated_segment_without_an_answer_is_refused_too(tmp_path: Path) -> None:
    path = write(tmp_path, {"segment_id": "T0", "text": ""}, {"segment_id": "T0", "text": "put cup"})
    with pytest.raises(DataError, match=r"stands in the file twice; give one task's rows"):
        read_answers(path)


@pytest.mark.parametrize(
    "values",
    [
        {"num_actions": 0},
        {"max_gap_s": -0.1},
        {"max_gap_s": float("inf")},
        {"max_gap_s": float("nan")},
        {"train_share": -0.1},
        {"train_share": 1.1},
    ],
)
def test_settings_that_mean_nothing_are_refused(values: dict[str, Any]) -> None:
    ((name, value),) = values.items()
    with pytest.raises(ConfigError, match=rf"sft\.prior: .*{name} = {value}"):
        PriorConfig(**values)
