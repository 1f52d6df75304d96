"""What a rater is told about options, and files that are no questions."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from llavaction.reports.audit.questions import Choice, Question, read_questions, strategy_of
from llavaction.sft.samples import Option
from llavaction.utils.errors import DataError
from tests.reports.audit.conftest import TEXTS, sample
from tests.reports.conftest import candidates


def test_each_option_has_its_class_and_kinship(questions: list[Question]) -> None:
    second = questions[1]

    assert second.strategy == "specialist"
    assert second.answer == Choice(1, "grab cup", "take cup", True, True)
    assert second.distractors == (
        Choice(0, "take plate", "take plate", True, False),
        Choice(2, "put plate", "put plate", False, False),
        Choice(3, "put down cup", "put cup", False, True),
        Choice(4, "rinse plate", "wash plate", False, False),
    )
    assert [choice.text for choice in second.choices] == TEXTS


def test_samples_without_options_are_passed_over(write_folder: Callable[..., str]) -> None:
    plain = replace(sample(1), options=(), answer_idx=None)

    assert list(read_questions([write_folder([sample(0), plain])])) == ["mqa/specialist/P01_01_0"]
    with pytest.raises(DataError, match="no sample has options; give a file of questions"):
        read_questions([write_folder([plain])])


def test_candidates_are_refused(write_folder: Callable[..., str]) -> None:
    path = write_folder([sample(0), candidates(1, TEXTS)])

    with pytest.raises(DataError, match="sample 'q/1' lists candidates in the order of their rank") as caught:
        read_questions([path])
    assert str(caught.value).startswith(path)


def test_a_question_in_two_files_is_refused(write_folder: Callable[..., str]) -> None:
    paths = [write_folder([sample(0)], "one"), write_folder([sample(0)], "two")]

    with pytest.raises(DataError, match="'mqa/specialist/P01_01_0' stands in another of the files too") as caught:
        read_questions(paths)
    assert str(caught.value).startswith(paths[1])


def test_a_class_without_a_name_is_refused(write_folder: Callable[..., str]) -> None:
    options = (*sample(0).options[:4], Option("fly", 6, "E. fly"))

    with pytest.raises(DataError, match=r"option 4: action_id 6 is not one of the 6 in classes\.json"):
        read_questions([write_folder([replace(sample(0), options=options)])])


def test_class_names_must_lie_beside_the_samples(write_folder: Callable[..., str]) -> None:
    path = write_folder([sample(0)])
    Path(path).with_name("classes.json").unlink()

    with pytest.raises(DataError, match=r"classes\.json: no such file; it is written by"):
        read_questions([path])


@pytest.mark.parametrize(
    ("sample_id", "strategy"), [("mqa/tim/P01_11_0", "tim"), ("mqa/P01_11_0", "hard"), ("P01_11_0", "hard")]
)
def test_the_strategy_is_in_the_id_or_is_the_folder(sample_id: str, strategy: str) -> None:
    assert strategy_of(sample_id, Path("/data/hard/validation_mqa.jsonl")) == strategy
