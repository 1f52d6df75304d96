from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from llavaction.annotations.segments import SegmentTable
from llavaction.annotations.vocabulary import ClassName, Vocabulary
from llavaction.specialists.predictions import TopKPredictions, load_predictions, save_predictions
from llavaction.utils.errors import DataError
from tests.annotations.test_segments import SEGMENT

CLASSES = tuple(ClassName(number, f"class{number}", (), "") for number in range(12))
KEYS = ("0:0", "0:1", "10:2", "1:3", "2:0")
VOCABULARY = Vocabulary(CLASSES, CLASSES, KEYS)


def table_of(**action_keys: str) -> SegmentTable:
    """Segments by id, each with the verb and noun of its action key."""
    pairs = {name: tuple(map(int, key.split(":"))) for name, key in action_keys.items()}
    return SegmentTable(
        "validation.csv",
        tuple(replace(SEGMENT, segment_id=name, verb_id=verb, noun_id=noun) for name, (verb, noun) in pairs.items()),
    )


def predictions_of(rows: dict[str, list[int]], scores: list[list[float]] | None = None) -> TopKPredictions:
    action_ids = np.array(list(rows.values()), np.int32)
    values = np.array(scores, np.float32) if scores else np.full(action_ids.shape, np.nan, np.float32)
    return TopKPredictions("avion.parquet", tuple(rows), action_ids, values)


def test_rankings_are_found_by_segment() -> None:
    predictions = predictions_of({"a": [3, 1, 0], "b": [0, 4, 2]})
    assert predictions.ranked("a") == [3, 1, 0]
    assert predictions.ranked("b") == [0, 4, 2]
    assert all(type(action_id) is int for action_id in predictions.ranked("a"))
    assert predictions.top_k == 3


def test_a_segment_without_prediction_is_an_error() -> None:
    with pytest.raises(DataError, match=r"avion\.parquet: no prediction for segment 'z'; it has 2"):
        predictions_of({"a": [0], "b": [1]}).ranked("z")


@pytest.mark.parametrize(
    ("segment_ids", "actions", "scores", "problem"),
    [
        (("a", "b"), (2, 3), (2, 2), r"actions \(2, 3\) and scores \(2, 2\) must both be \[N, K\]"),
        (("a", "b"), (2,), (2,), r"actions \(2,\) and scores \(2,\) must both be"),
        (("a",), (2, 3), (2, 3), r"1 ids for 2 rows"),
        (("a", "b", "a", "a"), (4, 2), (4, 2), r"2 segments stand in it more than once"),
    ],
)
def test_shapes_and_ids_must_agree(
    segment_ids: tuple[str, ...], actions: tuple[int, ...], scores: tuple[int, ...], problem: str
) -> None:
    action_ids = np.broadcast_to(np.arange(actions[-1], dtype=np.int32), actions)
    with pytest.raises(DataError, match=r"tim\.parquet: " + problem):
        TopKPredictions("tim.parquet", segment_ids, action_ids, np.zeros(scores, np.float32))


def test_an_action_named_twice_is_an_error_with_count_and_segment() -> None:
    with pytest.raises(DataError, match=r"avion\.parquet: 2 rows name an action more than once \(first: 'b'\)"):
        predictions_of({"a": [0, 1, 2], "b": [3, 1, 3], "c": [2, 1, 0], "d": [4, 4, 0]})


def test_coverage_counts_missing_and_foreign_segments() -> None:
    predictions = predictions_of({"a": [0], "x": [1], "y": [1], "z": [1]})
    with pytest.raises(DataError) as failure:
        predictions.check_covers(table_of(a="0:0", b="0:1", c="0:1"))
    text = str(failure.value)
    assert "avion.parquet: 2 of the 3 segments of validation.csv have no prediction" in text
    assert "and 3 predictions are for other segments (for example b, x)" in text


@pytest.mark.parametrize("rows", [{"a": [0]}, {"a": [0], "b": [1], "c": [0]}])
def test_either_kind_of_mismatch_is_an_error(rows: dict[str, list[int]]) -> None:
    with pytest.raises(DataError, match="another split or edition"):
        predictions_of(rows).check_covers(table_of(a="0:0", b="0:1"))


def test_coverage_does_not_ask_for_row_order() -> None:
    predictions_of({"b": [0], "a": [1]}).check_covers(table_of(a="0:0", b="0:1"))


def test_recall_counts_the_truth_among_the_first_k() -> None:
    predictions = predictions_of({"a": [0, 1, 2], "b": [0, 1, 2], "c": [4, 3, 2], "d": [4, 3, 2]})
    table = table_of(a="0:0", b="0:1", c="10:2", d="0:0")  # ranks 1, 2, 3 and none
    assert [predictions.recall_at(table, VOCABULARY, k) for k in (1, 2, 3)] == [0.25, 0.5, 0.75]


def test_a_saved_file_says_the_same(tmp_path: Path) -> None:
    scores = [[0.9, 0.05, float("nan")], [2.5, -1.0, -3.25]]
    before = predictions_of({"a": [3, 1, 0], "b": [0, 4, 2]}, scores)
    path = tmp_path / "new" / "avion.parquet"
    save_predictions(before, VOCABULARY, path)
    after = load_predictions(path, VOCABULARY)
    assert after.source == str(path)
    assert after.segment_ids == before.segment_ids
    assert after.action_ids.tolist() == before.action_ids.tolist()
    assert (after.action_ids.dtype, after.scores.dtype) == (np.int32, np.float32)
    np.testing.assert_array_equal(after.scores, before.scores)
    assert list(path.parent.iterdir()) == [path]


def test_ids_are_renumbered_for_other_annotations(tmp_path: Path) -> None:
    path = tmp_path / "avion.parquet"
    save_predictions(predictions_of({"a": [3, 1, 0], "b": [0, 4, 2]}), VOCABULARY, path)
    # All keys and three more, so that other ids stand for the same actions.
    larger = Vocabulary(CLASSES, CLASSES, tuple(sorted([*KEYS, "0:10", "1:11", "11:0"])))
    loaded = load_predictions(path, larger)
    for segment_id, keys in {"a": ["1:3", "0:1", "0:0"], "b": ["0:0", "2:0", "10:2"]}.items():
        assert [larger.action_keys[action_id] for action_id in loaded.ranked(segment_id)] == keys
    assert loaded.ranked("a") != [3, 1, 0]


def test_actions_that_no_row_names_may_be_unknown(tmp_path: Path) -> None:
    path = tmp_path / "avion.parquet"
    save_predictions(predictions_of({"a": [4, 0]}), VOCABULARY, path)
    smaller = Vocabulary(CLASSES, CLASSES, ("0:0", "2:0"))
    assert load_predictions(path, smaller).ranked("a") == [1, 0]


def test_an_unknown_action_is_named_with_the_file(tmp_path: Path) -> None:
    path = tmp_path / "avion.parquet"
    save_predictions(predictions_of({"a": [3, 0]}), VOCABULARY, path)
    with pytest.raises(DataError, match=r"avion\.parquet: action '1:3' is none of the 2"):
        load_predictions(path, Vocabulary(CLASSES, CLASSES, ("0:0", "2:0")))


def write_parquet(path: Path, action_ids: list[list[int]], keys: tuple[str, ...] | None = KEYS) -> None:
    table = pa.table(
        {
            "segment_id": [f"s{row}" for row in range(len(action_ids))],
            "action_ids": action_ids,
            "scores": [[0.5] * len(row) for row in action_ids],
        }
    )
    if keys is not None:
        table = table.replace_schema_metadata({b"llavaction.action_keys": json.dumps(keys).encode()})
    pq.write_table(table, path)


@pytest.mark.parametrize("action_ids", [[[0, 5]], [[-1, 2]]])
def test_ids_beyond_the_named_actions_are_an_error(tmp_path: Path, action_ids: list[list[int]]) -> None:
    write_parquet(tmp_path / "odd.parquet", action_ids)
    with pytest.raises(DataError, match=r"odd\.parquet: action ids -?\d to \d, but its metadata names 5 actions"):
        load_predictions(tmp_path / "odd.parquet", VOCABULARY)


@pytest.mark.parametrize(
    ("action_ids", "lengths"), [([[0, 1], [0], [0, 1, 2]], r"\[1, 2, 3\]"), ([[0, 1], [0]], r"\[1, 2\]"), ([], r"\[\]")]
)
def test_ragged_rows_are_an_error(tmp_path: Path, action_ids: list[list[int]], lengths: str) -> None:
    write_parquet(tmp_path / "odd.parquet", action_ids)
    with pytest.raises(DataError, match=rf"odd\.parquet: rows hold {lengths} predictions"):
        load_predictions(tmp_path / "odd.parquet", VOCABULARY)


def test_a_file_without_action_keys_is_an_error(tmp_path: Path) -> None:
    write_parquet(tmp_path / "odd.parquet", [[0, 1]], keys=None)
    with pytest.raises(DataError, match=r"odd\.parquet: needs columns .* and the action keys in its metadata"):
        load_predictions(tmp_path / "odd.parquet", VOCABULARY)


def test_a_file_that_is_not_parquet_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "odd.parquet").write_text("segment_id,action_ids\n")
    with pytest.raises(DataError, match=r"odd\.parquet: not a Parquet file"):
        load_predictions(tmp_path / "odd.parquet", VOCABULARY)


def test_a_missing_file_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"absent\.parquet: no such file"):
        load_predictions(tmp_path / "absent.parquet", VOCABULARY)
