"""EK100's metrics from rows: the same as from files of predictions, and never over fewer segments without a word."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from llavaction.annotations.epic_kitchens import Annotations
from llavaction.annotations.segments import SegmentTable
from llavaction.evaluation.config import TaskName
from llavaction.evaluation.intervals import Estimate
from llavaction.evaluation.predictions import Row
from llavaction.evaluation.ranks import ranks_of_predictions
from llavaction.evaluation.subsets import Subsets
from llavaction.reports.tables.recognition import Recognition, is_recognition, ranks_of_rows
from llavaction.sft.classes import ClassTable
from llavaction.specialists.agreement import NOT_RANKED
from llavaction.specialists.predictions import TopKPredictions
from llavaction.utils.errors import ConfigError, DataError
from tests.evaluation.scores import VOCABULARY, table_of

TABLE = table_of(("P01_01", 0, 0), ("P01_01", 0, 1), ("P02_01", 1, 2), ("P02_02", 2, 3))
CLASSES = ClassTable(("a", "b", "c"), ("d", "e", "f", "g"), VOCABULARY.action_keys, {})


def recognition(table: SegmentTable = TABLE) -> Recognition:
    """All segments are of unseen participants; those with verb 2 are the tail."""
    tail = np.array([segment.verb_id == 2 for segment in table])
    every = np.ones(len(table), bool)
    return Recognition(table, VOCABULARY, Subsets(every, tail, ~every, tail))


def row(number: int, ranked: list[int], predicted: tuple[int, int, int] | None = None, **more: Any) -> Row:
    """A ranking of actions for a segment of the table; it predicts the first one unless another is said."""
    segment = list(TABLE)[number]
    truth = (segment.verb_id, segment.noun_id, VOCABULARY.action_id(segment.verb_id, segment.noun_id))
    first = (*VOCABULARY.verb_noun(ranked[0]), ranked[0]) if ranked else None
    return Row(
        task="head",
        kind=TaskName.ACTION_HEAD,
        sample_id=f"direct/{segment.segment_id}",
        segment_id=segment.segment_id,
        truth=truth,
        answer="",
        predicted=predicted or first,
        top_actions=tuple(ranked),
        **more,
    )


def value(figure: Estimate | None) -> float:
    assert figure is not None
    return figure.value


# Actions are verb * 4 + noun. Right; verb right and noun second; all wrong; not ranked.
ROWS = [
    row(0, [0, 1, 2, 3, 4]),
    row(1, [0, 1, 5, 6, 7]),
    row(2, [0, 1, 2, 3, 6]),
    row(3, [0, 1, 2, 4, 5]),
]


def test_by_hand() -> None:
    found = recognition().of_rows(ROWS, CLASSES, "rows")

    assert value(found["all_verb_accuracy_at_1"]) == 2 / 4
    assert value(found["all_noun_accuracy_at_1"]) == 1 / 4
    assert value(found["all_action_accuracy_at_1"]) == 1 / 4
    assert value(found["all_verb_accuracy_at_5"]) == 3 / 4
    # The last row ranks nouns 0, 1, 2: noun 3 is not among them.
    assert value(found["all_noun_accuracy_at_5"]) == 3 / 4
    assert value(found["all_action_accuracy_at_5"]) == 3 / 4
    assert value(found["tail_verb_accuracy_at_1"]) == 0
    assert found["tail_noun_accuracy_at_1"] is None
    assert value(found["all_verb_mean_class_accuracy"]) == pytest.approx(1 / 3)
    assert all(is_recognition(name) for name in found)


@given(st.lists(st.permutations(range(12)), min_size=4, max_size=4), st.integers(5, 12))
def test_rows_and_predictions_give_the_same_ranks(rankings: list[list[int]], top_k: int) -> None:
    rows = [row(number, ranked[:top_k]) for number, ranked in enumerate(rankings)]
    ids = tuple(segment.segment_id for segment in TABLE)
    actions = np.array([ranked[:top_k] for ranked in rankings], np.int32)
    scores = -np.arange(top_k, dtype=np.float32) * np.ones((4, 1), np.float32)
    expected = ranks_of_predictions(TopKPredictions("p", ids, actions, scores), TABLE, VOCABULARY)
    found = ranks_of_rows(rows, VOCABULARY, "rows")

    for part in ("verb", "noun", "action"):
        assert getattr(found, part).tolist() == getattr(expected, part).tolist()


def test_heads_answer_for_themselves() -> None:
    """The verb that is predicted counts, also where the first action has another."""
    ranks = ranks_of_rows([row(2, [0, 6, 1, 2, 3], predicted=(1, 0, 0))], VOCABULARY, "rows")

    assert (ranks.verb.tolist(), ranks.noun.tolist(), ranks.action.tolist()) == ([0], [1], [1])
    ranks = ranks_of_rows([row(2, [6, 0, 1, 2, 3], predicted=(0, 2, 6))], VOCABULARY, "rows")
    assert (ranks.verb.tolist(), ranks.noun.tolist(), ranks.action.tolist()) == ([1], [0], [0])


def test_an_answer_that_names_no_class_is_wrong() -> None:
    ranks = ranks_of_rows([row(0, [])], VOCABULARY, "rows")

    assert ranks.verb.tolist() == ranks.action.tolist() == [NOT_RANKED]


def test_rows_that_rank_too_few_have_no_top_5() -> None:
    found = recognition().of_rows([replace(one, top_actions=one.top_actions[:4]) for one in ROWS], CLASSES, "rows")

    assert found["all_action_accuracy_at_5"] is None and found["all_verb_accuracy_at_5"] is None
    assert value(found["all_action_accuracy_at_1"]) == 1 / 4


def test_segments_without_an_answer_are_left_out_of_both_sides() -> None:
    rows = [*ROWS[:3], replace(ROWS[3], excluded="no video", predicted=None, top_actions=())]
    found = recognition().of_rows(rows, CLASSES, "rows")
    figure = found["all_verb_accuracy_at_1"]

    assert figure is not None and (figure.value, figure.num_rows) == (2 / 3, 3)
    assert found["tail_verb_accuracy_at_1"] is None


@pytest.mark.parametrize(
    ("rows", "error", "problem"),
    [
        (ROWS[:3], DataError, "1 of the 4 segments of validation.csv have no prediction"),
        ([*ROWS, replace(ROWS[0], sample_id="x", segment_id="P09_01_0")], DataError, "1 predictions are for other seg"),
        ([*ROWS, replace(ROWS[0], sample_id="x")], DataError, "two rows are about one segment"),
        ([replace(ROWS[0], truth=(1, 0, 4)), *ROWS[1:]], DataError, r"has verb and noun \(1, 0\) for segment"),
        ([replace(one, kind=TaskName.MQA) for one in ROWS], ConfigError, "rows of kind mqa rank no classes"),
    ],
)
def test_rows_of_something_else_are_refused(rows: list[Row], error: type[Exception], problem: str) -> None:
    with pytest.raises(error, match=f"rows.jsonl: .*{problem}"):
        recognition().of_rows(rows, CLASSES, "rows.jsonl")


def test_the_split_is_the_published_one_where_the_classes_are(ek100: Annotations) -> None:
    found = Recognition.of(ek100)
    assert found.subsets.sizes()["unseen"] == 1065

    part = SegmentTable("part.csv", tuple(ek100.validation)[:-1])
    with pytest.raises(DataError, match="not EK100's validation split"):
        Recognition.of(replace(ek100, validation=part))


def test_ids_that_mean_something_else_are_refused() -> None:
    with pytest.raises(DataError, match=r"classes\.json numbers 11 actions"):
        recognition().of_rows(ROWS, replace(CLASSES, actions=CLASSES.actions[:-1]), "rows")
