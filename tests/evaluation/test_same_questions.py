"""Rows can be compared only where they answer the same questions."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from llavaction.evaluation.config import TaskName
from llavaction.evaluation.predictions import Row
from llavaction.evaluation.same_questions import align_questions, question_sha256, questions_sha256
from llavaction.utils.errors import DataError
from tests.evaluation.rows import choice

ROWS = [choice(number, number % 5) for number in range(4)]
NAMES = ("base", "tuned")


def test_rows_are_put_in_the_first_order() -> None:
    others = [replace(row, chosen_idx=2, raw="C", task="other name", scores=(0.0,) * 5) for row in ROWS]

    assert align_questions(ROWS, others[::-1], NAMES) == others


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        ({"options": ("option 0", "x", "y", "z", "w")}, r"options is \('option 0', 'option 1', .*\) in base"),
        ({"answer_idx": 3}, "answer_idx is 0 in base and 3 in tuned"),
        ({"truth": (1, 2, 4)}, r"truth is \(1, 2, 3\) in base and \(1, 2, 4\) in tuned"),
        ({"answer": "x"}, "answer is 'option 0'"),
        ({"segment_id": "P09_01_1"}, "segment_id is 'P01_01_2' in base and 'P09_01_1' in tuned"),
        ({"kind": TaskName.DIRECT}, "kind is "),
    ],
)
def test_the_first_difference_is_named(change: dict[str, Any], problem: str) -> None:
    others: list[Row] = [*ROWS[:2], replace(ROWS[2], **change), replace(ROWS[3], answer="also other")]

    with pytest.raises(DataError, match=f"question 'q/2': {problem}"):
        align_questions(ROWS, others, NAMES)
    assert question_sha256(others[2]) != question_sha256(ROWS[2])
    assert questions_sha256(others) != questions_sha256(ROWS)


def test_missing_and_foreign_questions_are_counted() -> None:
    with pytest.raises(DataError, match=r"base has 4 questions and tuned 3: 2 are only in .* 1 only .*such as 'q/2'"):
        align_questions(ROWS, [*ROWS[:2], choice(9, 0)], NAMES)
    with pytest.raises(DataError, match=r"0 are only in the first and 1 only in the second \(such as 'q/3'\)"):
        align_questions(ROWS[:3], ROWS, NAMES)


def test_the_hash_is_of_questions_not_of_answers_or_order() -> None:
    others = [replace(row, chosen_idx=None, raw="hm") for row in ROWS]

    assert questions_sha256(ROWS) == questions_sha256(others[::-1])
    assert len({question_sha256(row) for row in ROWS}) == len(ROWS)
