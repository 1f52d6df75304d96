"""NPZ files of any origin."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from llavaction.specialists.readers import read_predictions
from llavaction.utils.errors import DataError
from tests.specialists.test_predictions import VOCABULARY, table_of

TABLE = table_of(a="0:1", b="1:3")
IDS = np.array(["b", "a"])
KEYS = np.array([["0:0", "2:0"], ["1:3", "10:2"]])


def write(tmp_path: Path, **arrays: Any) -> Path:
    np.savez_compressed(tmp_path / "mine.npz", **arrays)
    return tmp_path / "mine.npz"


def test_keys_without_scores(tmp_path: Path) -> None:
    found = read_predictions(write(tmp_path, segment_ids=IDS, action_keys=KEYS), TABLE, VOCABULARY)

    assert found.action_ids.tolist() == [[3, 2], [0, 4]]
    assert np.isnan(found.scores).all()


DEFECTS: list[tuple[dict[str, Any], str]] = [
    ({"segment_ids": IDS}, "needs the arrays 'segment_ids' and one of 'logits' and 'action_keys'; has segment_ids"),
    ({"segment_ids": IDS, "action_keys": KEYS, "logits": np.zeros((2, 5))}, "needs the arrays"),
    ({"logits": np.zeros((2, 5))}, "needs the arrays"),
    ({"segment_ids": np.arange(2), "action_keys": KEYS}, r"'segment_ids' has shape \(2,\) and type int64"),
    ({"segment_ids": IDS[:, None], "action_keys": KEYS}, r"'segment_ids' has shape \(2, 1\)"),
    ({"segment_ids": IDS.astype(object), "action_keys": KEYS}, "not an NPZ file of plain arrays .*dtype=str"),
    (
        {"segment_ids": IDS, "action_keys": KEYS[:1]},
        r"'action_keys' has shape \(1, 2\) and type <U4; expected text \[2",
    ),
    ({"segment_ids": IDS, "action_keys": np.zeros((2, 2))}, "'action_keys' has shape .* type float64"),
    ({"segment_ids": IDS, "action_keys": np.array([["0:0"], ["7:7"]])}, "action '7:7' is none of the 5"),
    ({"segment_ids": IDS, "action_keys": KEYS, "scores": np.zeros((2, 3))}, r"'scores' has shape \(2, 3\)"),
    ({"segment_ids": IDS, "action_keys": KEYS, "scores": np.array([[2, 1], [1, 2.0]])}, "the scores of 1 .*'a'.* rise"),
    ({"segment_ids": IDS, "action_keys": KEYS, "scores": np.array([[2, 1], [1, np.nan]])}, "segment 'a' has a score"),
    ({"segment_ids": IDS, "logits": np.zeros((2, 4))}, r"'logits' has shape \(2, 4\), expected \(2, 5\)"),
    ({"segment_ids": IDS, "logits": np.full((2, 5), np.inf)}, "segment 'b' has a score that is NaN or infinite"),
    ({"segment_ids": np.array(["a", "a"]), "action_keys": KEYS}, "1 segments stand in it more than once"),
    ({"segment_ids": np.array(["a", "z"]), "action_keys": KEYS}, "1 of the 2 segments of validation.csv"),
]


@pytest.mark.parametrize(("arrays", "problem"), DEFECTS)
def test_defects(tmp_path: Path, arrays: dict[str, Any], problem: str) -> None:
    with pytest.raises(DataError, match=rf"mine\.npz: {problem}"):
        read_predictions(write(tmp_path, **arrays), TABLE, VOCABULARY)


def test_a_single_array_is_an_error(tmp_path: Path) -> None:
    with (tmp_path / "mine.npz").open("wb") as file:
        np.save(file, np.zeros(3))

    with pytest.raises(DataError, match=r"mine\.npz: a single array; save several by name"):
        read_predictions(tmp_path / "mine.npz", TABLE, VOCABULARY)


@pytest.mark.parametrize("data", [b"", b"segment_id,action", b"PK\x03\x04 and no more"])
def test_another_file_is_an_error(tmp_path: Path, data: bytes) -> None:
    (tmp_path / "mine.npz").write_bytes(data)

    with pytest.raises(DataError, match=r"mine\.npz: not an NPZ file"):
        read_predictions(tmp_path / "mine.npz", TABLE, VOCABULARY)
