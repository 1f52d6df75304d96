"""A model's own words as rankings of classes."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from llavaction.evaluation.free_answers import free_answer_predictions
from llavaction.evaluation.predictions import Row
from llavaction.sft.classes import ClassTable
from llavaction.sft.nearest_classes import NearestClasses
from llavaction.text.encoders.hashing import HashingEncoder
from llavaction.utils.errors import ConfigError, DataError
from llavaction.utils.jsonl import write_jsonl
from tests.evaluation.rows import choice, heads, text

CLASSES = ClassTable(
    verbs=("take", "put"),
    nouns=("plate", "cup"),
    actions=("0:0", "0:1", "1:0", "1:1"),
    narrations={"grab dish": "0:0", "put down cup": "1:1"},
)


def answered(number: int, raw: str) -> Row:
    return text(number, raw, "take plate", None)


def rank(folder: Path, *rows: Row, **options: Any) -> Any:
    write_jsonl(folder / "direct.jsonl", [row.to_row() for row in rows])
    return free_answer_predictions(folder / "direct.jsonl", CLASSES, HashingEncoder(), **options)


def test_answers_become_a_ranking_of_all_classes(tmp_path: Path) -> None:
    answers = ["Grab dish.", "put the plate", "put down cup"]
    predictions = rank(tmp_path, *(answered(number, raw) for number, raw in enumerate(answers)))
    assert predictions.segment_ids == ("P01_01_0", "P01_01_1", "P01_01_2")
    assert predictions.action_ids[:, 0].tolist() == [0, 2, 3]
    assert predictions.scores[[0, 2], 0].tolist() == [1.0, 1.0]
    assert predictions.source == f"{tmp_path / 'direct.jsonl'} by hashing"
    expected = NearestClasses(HashingEncoder(), CLASSES).rank_scored(answers, 4)
    assert predictions.action_ids.tolist() == expected.action_ids.tolist()
    assert predictions.scores.tolist() == expected.similarities.tolist()


def test_as_many_classes_are_kept_as_are_asked_for(tmp_path: Path) -> None:
    assert rank(tmp_path, answered(0, "put cup"), top_k=2).action_ids.tolist() == [[3, 1]]
    with pytest.raises(ConfigError, match="the 5 nearest classes: must be 1 to 4"):
        rank(tmp_path, answered(0, "put cup"), top_k=5)


def test_answers_without_words_are_told(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    predictions = rank(tmp_path, answered(0, "take cup"), answered(1, ""), answered(2, "?"))
    assert predictions.action_ids[1:].tolist() == [[0, 1, 2, 3]] * 2
    assert "2 of 3 answers have no words (first: P01_01_1)" in caplog.text


def test_answers_with_words_need_no_warning(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    rank(tmp_path, answered(0, "take cup"))
    assert "no words" not in caplog.text


@pytest.mark.parametrize(
    ("rows", "problem"),
    [
        ((choice(0, 1),), "row 'q/0' of task 't' is of kind mqa; only rows of a task of kind direct"),
        ((answered(0, "take cup"), heads(1, 0, 0, 0)), "row 'q/1' of task 't' is of kind action_head"),
        ((replace(answered(0, ""), raw=None),), "row 'q/0' of task 't' has no written answer; every segment"),
        (
            (replace(answered(0, ""), raw=None, excluded="a.mp4 is broken"),),
            r"no written answer \(a\.mp4 is broken\); every segment",
        ),
        ((answered(0, "a"), replace(answered(0, "a"), sample_id="q/9")), "1 segments stand in it more than once"),
    ],
)
def test_other_rows_are_refused(tmp_path: Path, rows: tuple[Row, ...], problem: str) -> None:
    with pytest.raises(DataError, match=problem):
        rank(tmp_path, *rows)
