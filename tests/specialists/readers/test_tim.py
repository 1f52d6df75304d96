"""TIM's pickle."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from llavaction.specialists.readers import read_predictions
from llavaction.utils.errors import DataError
from tests.specialists.files import tim_content, write_pickle
from tests.specialists.test_predictions import VOCABULARY, table_of

TABLE = table_of(a="0:1", b="1:3", c="10:2", d="2:0")
SCORES = np.array([[0, 5, 1, 2, 3], [9, 8, 7, 6, 5], [1, 0, 4, 1, 4], [3, 2, 1, 0, 5]], np.float32)


def write(tmp_path: Path, **changed: Any) -> Path:
    content = {**tim_content(TABLE, VOCABULARY, SCORES), **changed}
    return write_pickle(tmp_path / "tim.pkl", {name: value for name, value in content.items() if value is not None})


@pytest.mark.parametrize("kind", [list, tuple, np.array])
def test_rows_are_found_by_id(tmp_path: Path, kind: Any) -> None:
    ids = [str(segment_id) for segment_id in tim_content(TABLE, VOCABULARY, SCORES)["v_narration_ids"]]
    assert ids != ["a", "b", "c", "d"]

    found = read_predictions(write(tmp_path, v_narration_ids=kind(ids)), TABLE, VOCABULARY)

    assert found.segment_ids == ("a", "b", "c", "d")
    assert found.action_ids[:, 0].tolist() == [1, 0, 2, 4]


DEFECTS: list[tuple[dict[str, Any], str]] = [
    ({"action": None, "verb": None}, "no 'action', 'verb' in it"),
    (
        {"action": SCORES[:, :4]},
        "'action' has 4 classes, the annotations 5; .* save its 'verb' and 'noun' scores as the challenge's JSON",
    ),
    ({"action": SCORES[:3]}, r"'action' has shape \(3, 5\), expected \(4, 5\)"),
    ({"action": SCORES[0]}, r"'action' has shape \(5,\)"),
    ({"verb": np.zeros((4, 13), np.float32)}, r"'verb' has shape \(4, 13\), expected \(4, 12\)"),
    ({"noun": np.zeros((3, 12), np.float32)}, r"'noun' has shape \(3, 12\), expected \(4, 12\)"),
    ({"v_narration_ids": ["a", "b", "c"]}, r"'verb' has shape \(4, 12\), expected \(3, 12\)"),
    ({"v_narration_ids": ["a", "b", "c", "c"]}, "1 segments stand in it more than once"),
    ({"v_narration_ids": ["a", "b", "c", "z"]}, r"1 of the 4 segments of validation\.csv have no prediction"),
]


@pytest.mark.parametrize(("changed", "problem"), DEFECTS)
def test_defects(tmp_path: Path, changed: dict[str, Any], problem: str) -> None:
    with pytest.raises(DataError, match=rf"tim\.pkl: {problem}"):
        read_predictions(write(tmp_path, **changed), TABLE, VOCABULARY)


@pytest.mark.parametrize("part", ["verb", "noun"])
def test_other_numbering_of_actions_is_found(tmp_path: Path, part: str) -> None:
    content = tim_content(TABLE, VOCABULARY, SCORES)

    with pytest.raises(DataError, match=r"tim\.pkl: the first action's verb .* seem to be numbered otherwise"):
        read_predictions(write(tmp_path, **{part: np.roll(content[part], 5, axis=1)}), TABLE, VOCABULARY)


def test_heads_may_disagree_now_and_then(tmp_path: Path) -> None:
    verb = tim_content(TABLE, VOCABULARY, SCORES)["verb"].copy()
    verb[:3] = np.roll(verb[:3], 5, axis=1)

    assert read_predictions(write(tmp_path, verb=verb), TABLE, VOCABULARY).ranked("b")[0] == 0
