"""Folds of participants, and predictions put together from them."""

from __future__ import annotations

import csv
import io
from collections import Counter
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from llavaction.annotations.epic_kitchens import Annotations, load_annotations, read_segments
from llavaction.annotations.segments import SegmentTable
from llavaction.specialists.folds import assign_folds, held_out_tables, merge_folds, read_folds, write_folds
from llavaction.specialists.predictions import TopKPredictions
from llavaction.utils.errors import ConfigError, DataError
from llavaction.utils.jsonl import read_json, write_json
from tests.annotations.ek100_files import write_ek100
from tests.annotations.test_segments import SEGMENT
from tests.properties import reproducible

PARTICIPANTS = {(row, "participant_id"): f"P0{row % 4}" for row in range(1, 11)}


def table_of(participants: list[str]) -> SegmentTable:
    return SegmentTable(
        "train.csv",
        tuple(replace(SEGMENT, segment_id=f"s{row}", participant_id=name) for row, name in enumerate(participants)),
    )


worlds = st.lists(st.sampled_from([f"P{number:02d}" for number in range(9)]), min_size=4, max_size=60)


@reproducible
@given(participants=worlds, num_folds=st.integers(2, 5), data=st.data())
def test_folds_hold_every_participant_once_whatever_the_order(
    participants: list[str], num_folds: int, data: st.DataObject
) -> None:
    if len(set(participants)) < num_folds:
        participants = [*participants, *(f"Q{number}" for number in range(num_folds))]
    table = table_of(participants)
    folds = assign_folds(table, num_folds)

    assert set(folds) == set(participants)
    assert set(folds.values()) == set(range(num_folds))
    assert assign_folds(table_of(data.draw(st.permutations(participants))), num_folds) == folds
    parts = held_out_tables(table, folds)
    assert sorted(s.segment_id for part in parts for s in part) == sorted(s.segment_id for s in table)
    kitchens = [{segment.participant_id for segment in part} for part in parts]
    assert sum(map(len, kitchens)) == len(set(participants))


@reproducible
@given(participants=worlds)
def test_no_fold_could_give_its_smallest_participant_away(participants: list[str]) -> None:
    table = table_of([*participants, "Q0", "Q1", "Q2"])
    folds, sizes = assign_folds(table, 3), Counter(segment.participant_id for segment in table)
    totals = [sum(sizes[name] for name, place in folds.items() if place == fold) for fold in range(3)]

    for fold in range(3):
        smallest = min(sizes[name] for name, place in folds.items() if place == fold)
        assert totals[fold] - smallest <= min(totals)


def test_folds_of_ek100_are_about_equal(ek100: Annotations) -> None:
    sizes = [len(part) for part in held_out_tables(ek100.train, assign_folds(ek100.train, 5))]

    assert sum(sizes) == len(ek100.train)
    assert max(sizes) / min(sizes) < 1.1


@pytest.mark.parametrize("num_folds", [-1, 0, 1, 4])
def test_numbers_of_folds_that_cannot_be(num_folds: int) -> None:
    with pytest.raises(ConfigError, match=rf"{num_folds} folds of the 3 participants of train\.csv: choose 2 to 3"):
        assign_folds(table_of(["a", "b", "c", "a"]), num_folds)


def records(path: Path) -> list[list[str]]:
    return list(csv.reader(io.StringIO(path.read_bytes().decode("utf-8-sig"), newline="")))


def odd_train_file(tmp_path: Path) -> Path:
    """A training file with a byte order mark, Windows line ends, a cell over two lines, and no line end at its end."""
    config = write_ek100(tmp_path, train={**PARTICIPANTS, (3, "narration"): 'take\nthe "cup"'})
    path = tmp_path / config.train_file
    text = path.read_text(encoding="utf-8").replace("\n", "\r\n").replace("take\r\nthe", "take\nthe")
    path.write_bytes(("\ufeff" + text.removesuffix("\r\n")).encode())
    return path


def test_fold_files_hold_the_rows_as_they_stand(tmp_path: Path) -> None:
    path = odd_train_file(tmp_path)
    table = read_segments(path, 4, 5)
    folds = assign_folds(table, 3)
    write_folds(path, table, folds, tmp_path / "folds")

    header, *rows = records(path)
    whole = path.read_bytes() + b"\r\n"
    for fold in range(3):
        parts = {part: tmp_path / "folds" / f"fold_{fold}_{part}.csv" for part in ("train", "validation")}
        held_out = [row for row in rows if folds[row[1]] == fold]
        assert records(parts["validation"]) == [header, *held_out]
        assert records(parts["train"]) == [header, *(row for row in rows if row not in held_out)]
        for part in parts.values():
            assert read_segments(part, 4, 5)
            lines = part.read_bytes().split(b"\r\n")
            assert lines.pop() == b""
            assert all(line + b"\r\n" in whole for line in lines)
    assert sorted(file.name for file in (tmp_path / "folds").iterdir())[-1] == "folds.json"


def test_folds_of_a_file_are_read_back(tmp_path: Path) -> None:
    annotations = load_annotations(write_ek100(tmp_path, train=PARTICIPANTS))
    folds = assign_folds(annotations.train, 3)
    write_folds(Path(annotations.train.source), annotations.train, folds, tmp_path)

    assert read_folds(tmp_path / "folds.json", annotations.train) == folds
    assert read_json(tmp_path / "folds.json")["source"] == "EPIC_100_train.csv"


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        ([], "no fold number for each of 'participants'"),
        ({"participants": {}}, "no fold number"),
        ({"participants": {"a": "0"}}, "no fold number"),
        ({"participants": {"a": 0, "b": 1}}, r"1 participants stand in only one of it and train\.csv \(c\)"),
        ({"participants": {"a": 0, "b": 1, "c": 1, "d": 0}}, r"1 participants .* \(d\)"),
        ({"participants": {"a": 0, "b": 2, "c": 2}}, "fold numbers must count up from 0"),
        ({"participants": {"a": 0, "b": 1, "c": -1}}, "fold numbers must count up from 0"),
        ({"participants": {"a": 0, "b": 1, "c": 1}, "num_segments": [1, 2]}, r"made of \[1, 2\] .* has \[2, 2\]"),
    ],
)
def test_folds_of_other_segments_are_refused(tmp_path: Path, content: object, problem: str) -> None:
    write_json(tmp_path / "folds.json", content)

    with pytest.raises(DataError, match=rf"folds\.json: .*{problem}"):
        read_folds(tmp_path / "folds.json", table_of(["a", "b", "c", "a"]))


def part(source: str, rows: dict[str, list[int]]) -> TopKPredictions:
    action_ids = np.array(list(rows.values()), np.int32)
    return TopKPredictions(source, tuple(rows), action_ids, action_ids.astype(np.float32))


def test_parts_become_one_table_in_the_order_of_the_split() -> None:
    merged = merge_folds(
        [part("0.pkl", {"s3": [3, 0], "s0": [0, 1]}), part("1.pkl", {"s1": [1, 2], "s2": [2, 3]})],
        table_of(["a", "b", "b", "a"]),
    )

    assert merged.segment_ids == ("s0", "s1", "s2", "s3")
    assert merged.action_ids.tolist() == [[0, 1], [1, 2], [2, 3], [3, 0]]
    assert merged.scores.tolist() == [[0, 1], [1, 2], [2, 3], [3, 0]]
    assert merged.source == "0.pkl + 1.pkl"


@pytest.mark.parametrize(
    ("second", "problem"),
    [
        ({"s1": [1, 2]}, r"0\.pkl \+ 1\.pkl: 1 of the 3 segments of train\.csv have no prediction"),
        ({"s0": [0, 1], "s1": [1, 2], "s2": [2, 3]}, "1 segments stand in it more than once"),
        ({"s1": [1, 2], "s2": [2, 3], "s9": [2, 3]}, "1 predictions are for other segments"),
        ({"s1": [1], "s2": [2]}, r"the folds' files rank \[2, 1\] actions; all must rank the same number"),
    ],
)
def test_parts_that_do_not_make_up_the_split_are_refused(second: dict[str, list[int]], problem: str) -> None:
    with pytest.raises(DataError, match=problem):
        merge_folds([part("0.pkl", {"s0": [0, 1]}), part("1.pkl", second)], table_of(["a", "b", "b"]))
