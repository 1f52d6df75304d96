"""Every setting says what it means."""

from __future__ import annotations

import ast
import inspect
import textwrap
from dataclasses import is_dataclass
from typing import get_type_hints

import pytest

from llavaction.config.schema import ROOTS
from tests.config.minimal import config_classes


def undocumented(kind: type) -> list[str]:
    """The fields of a dataclass without a sentence below them; a command's sections are explained where they are."""
    (definition,) = ast.parse(textwrap.dedent(inspect.getsource(kind))).body
    assert isinstance(definition, ast.ClassDef)
    hints = get_type_hints(kind)
    missing = []
    for statement, below in zip(definition.body, [*definition.body[1:], None], strict=True):
        if not isinstance(statement, ast.AnnAssign) or not isinstance(statement.target, ast.Name):
            continue
        name = statement.target.id
        if kind in ROOTS.values() and is_dataclass(hints[name]):
            continue
        text = below.value.value if isinstance(below, ast.Expr) and isinstance(below.value, ast.Constant) else ""
        if not isinstance(text, str) or len(text.split()) < 2 or not text.strip().endswith("."):
            missing.append(name)
    return missing


@pytest.mark.parametrize("kind", config_classes())
def test_each_field_has_a_sentence(kind: type) -> None:
    assert undocumented(kind) == []


def test_the_sections_are_found() -> None:
    names = {kind.__name__ for kind in config_classes()}

    assert {"TrainRoot", "LearningRates", "TaskConfig", "DatasetConfig", "GalleryConfig", "KitchenConfig"} <= names


def test_a_field_without_a_sentence_would_be_found() -> None:
    assert undocumented(_Silent) == ["second"]


class _Silent:
    first: int = 0
    """Is explained."""
    second: int = 0
