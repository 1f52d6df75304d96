"""Ids of classes in plain words."""

from __future__ import annotations

from pathlib import Path

import pytest

from llavaction.annotations.epic_kitchens import Annotations
from llavaction.reports.class_names import class_names
from llavaction.reports.figures.config import Part
from llavaction.reports.tables.run_state import EvaluationFolder
from llavaction.sft.classes import ClassTable
from llavaction.utils.errors import DataError


def save(folder: Path, verbs: tuple[str, ...], nouns: tuple[str, ...]) -> EvaluationFolder:
    ClassTable(verbs, nouns, (), {}).save(folder)
    return EvaluationFolder(folder)


def test_verbs_and_nouns(tmp_path: Path) -> None:
    run = save(tmp_path, ("take", "turn-on"), ("cup", "board:chopping"))

    assert class_names(run, Part.VERB, [1, 0]) == ["turn on", "take"]
    assert class_names(run, Part.NOUN, [1]) == ["chopping board"]


def test_classes_in_the_same_words_are_told_apart(tmp_path: Path) -> None:
    run = save(tmp_path, ("turn on", "turn-on", "take"), ())

    assert class_names(run, Part.VERB, [0, 1, 2]) == ["turn on (turn on)", "turn on (turn-on)", "take"]


@pytest.mark.parametrize("class_id", [-1, 2])
def test_a_class_that_does_not_exist_is_an_error(tmp_path: Path, class_id: int) -> None:
    with pytest.raises(DataError, match=rf"classes\.json: has 2 verbs, and none with the id {class_id}"):
        class_names(save(tmp_path, ("take", "put"), ()), Part.VERB, [0, class_id])


def test_all_real_classes_have_names_of_their_own(tmp_path: Path, ek100: Annotations) -> None:
    ClassTable.from_annotations(ek100).save(tmp_path)

    assert len(set(class_names(EvaluationFolder(tmp_path), Part.VERB, range(97)))) == 97
    assert len(set(class_names(EvaluationFolder(tmp_path), Part.NOUN, range(300)))) == 300
