"""AVION's pickle."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from llavaction.specialists.readers import read_predictions
from llavaction.utils.errors import DataError
from tests.specialists.files import avion_content, write_pickle
from tests.specialists.test_predictions import VOCABULARY, table_of

TABLE = table_of(a="0:1", b="1:3", c="10:2")
LOGITS = np.array([[0, 5, 1, 2, 3], [9, 8, 7, 6, 5], [1, 1, 4, 1, 4]], np.float32)


def write(tmp_path: Path, **changed: Any) -> Path:
    content = {**avion_content(TABLE, VOCABULARY, LOGITS), **changed}
    return write_pickle(tmp_path / "avion.pkl", {name: value for name, value in content.items() if value is not None})


def test_columns_are_the_text_sorted_actions_of_all_splits(tmp_path: Path) -> None:
    found = read_predictions(write(tmp_path), TABLE, VOCABULARY)

    assert [[VOCABULARY.action_keys[i] for i in row] for row in found.action_ids] == [
        ["0:1", "2:0", "1:3", "10:2", "0:0"],
        ["0:0", "0:1", "10:2", "1:3", "2:0"],
        ["10:2", "2:0", "0:0", "0:1", "1:3"],
    ]
    assert found.scores[0].tolist() == [5, 3, 2, 1, 0]


@pytest.mark.parametrize("changed", [{"targets": None}, {"probs": None}, {"targets": [1, 3, 2]}])
def test_only_logits_are_needed(tmp_path: Path, changed: dict[str, Any]) -> None:
    assert read_predictions(write(tmp_path, **changed), TABLE, VOCABULARY).ranked("c")[0] == 2


DEFECTS: list[tuple[dict[str, Any], str]] = [
    (
        {"targets": np.array([1, 2, 3])},
        r"2 of 3 targets disagree with validation\.csv \(first: row 1, class 2, annotated 3 = '1:3'\)",
    ),
    ({"targets": np.array([1, 3])}, r"'targets' has shape \(2,\) and type int64; expected 3 whole numbers"),
    ({"targets": np.array([1.0, 3.0, 2.0])}, r"'targets' has shape \(3,\) and type float64"),
    ({"logits": LOGITS[:2]}, r"'logits' has shape \(2, 5\), expected \(3, 5\) for the 3 segments and 5 classes"),
    ({"logits": LOGITS[:, :4]}, r"'logits' has shape \(3, 4\), expected \(3, 5\)"),
    ({"logits": LOGITS[0]}, r"'logits' has shape \(5,\)"),
    ({"logits": LOGITS.tolist()}, "'logits' is list; expected an array of numbers"),
    ({"logits": LOGITS.astype(object)}, "'logits' is an array of object"),
    ({"logits": np.where(LOGITS == 9, np.nan, LOGITS)}, "segment 'b' has a score that is NaN or infinite"),
    ({"logits": np.where(LOGITS == 2, -np.inf, LOGITS)}, "segment 'a' has a score that is NaN or infinite"),
]


@pytest.mark.parametrize(("changed", "problem"), DEFECTS)
def test_defects(tmp_path: Path, changed: dict[str, Any], problem: str) -> None:
    with pytest.raises(DataError, match=rf"avion\.pkl: {problem}"):
        read_predictions(write(tmp_path, **changed), TABLE, VOCABULARY)
