"""Metrics of a few rows, counted by hand."""

from __future__ import annotations

import pytest

from llavaction.evaluation.metrics import task_metrics
from llavaction.utils.errors import DataError
from tests.evaluation.rows import choice, heads, text


def test_choices() -> None:
    rows = [choice(0, 0), choice(1, 3, answer_idx=3), choice(2, 1), choice(3, 0, num_options=2)]

    # Chance: three questions of five options, one of two.
    assert task_metrics(rows) == {
        "num_questions": 4,
        "accuracy": 0.75,
        "chance": pytest.approx((3 * 0.2 + 0.5) / 4),
        "num_unparseable": 0,
    }


def test_an_answer_that_could_not_be_parsed_is_counted_and_wrong() -> None:
    metrics = task_metrics([choice(0, None, raw="hm"), choice(1, 0, raw="A")])

    assert metrics["num_unparseable"] == 1
    assert metrics["accuracy"] == 0.5


def test_written_answers() -> None:
    rows = [
        text(0, "Take the plate.", "take the plate", (1, 2, -1)),  # the same words
        text(1, "grab plate", "take plate", (1, 2, -1)),  # other words for the same action
        text(2, "take cup", "take plate", (1, 9, -1)),  # verb right
        text(3, "wash plate", "take plate", (8, 2, -1)),  # noun right
        text(4, "flim flam", "take plate", None),  # no annotator ever wrote this
    ]

    assert task_metrics(rows) == {
        "num_questions": 5,
        "exact": 0.2,
        "verb": 0.6,
        "noun": 0.6,
        "action": 0.4,
        "num_unknown": 1,
    }


def test_each_head_answers_for_itself() -> None:
    rows = [
        heads(0, 1, 2, 3),
        heads(1, 1, 2, 7),  # verb and noun right, the action head not
        heads(2, 8, 9, 3),  # only the action head right
        heads(3, 8, 9, 7),
    ]

    assert task_metrics(rows) == {"num_questions": 4, "verb": 0.5, "noun": 0.5, "action": 0.5}


def test_no_rows_are_an_error() -> None:
    with pytest.raises(DataError, match="no rows"):
        task_metrics([])
