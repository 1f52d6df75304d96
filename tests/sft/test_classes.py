from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from llavaction.annotations.epic_kitchens import Annotations
from llavaction.sft.classes import ClassTable
from llavaction.utils.errors import DataError
from llavaction.utils.jsonl import read_json, write_json
from tests.sft.worlds import make_annotations

TRAIN = [("take plate", 0, 0), ("wash cup", 2, 1), ("Rinse cup", 2, 1), ("rinse cup", 2, 1)]
VALIDATION = [("put down cup", 1, 1), ("rinse cup.", 1, 1)]
TABLE = ClassTable.from_annotations(make_annotations(TRAIN, VALIDATION))


def test_the_table_numbers_as_the_annotations_do() -> None:
    assert TABLE.verbs == ("take", "put", "wash")
    assert TABLE.nouns == ("plate", "cup", "knife", "tap")
    assert TABLE.actions == ("0:0", "1:1", "2:1")
    assert [TABLE.action_name(action_id) for action_id in range(3)] == ["take plate", "put cup", "wash cup"]


@pytest.mark.parametrize(
    ("text", "pair"),
    [
        ("take plate", (0, 0)),
        ("  Take PLATE! ", (0, 0)),
        ("put down cup", (1, 1)),  # from the other split
        ("rinse cup", (2, 1)),  # two of three annotators meant 2:1
        ("put cup", None),  # a class name, but nobody wrote it
        ("", None),
    ],
)
def test_class_of(text: str, pair: tuple[int, int] | None) -> None:
    assert TABLE.class_of(text) == pair


def test_a_saved_table_says_the_same(tmp_path: Path) -> None:
    TABLE.save(tmp_path)
    loaded = ClassTable.load(tmp_path)
    assert loaded == TABLE
    assert loaded.numbering == TABLE.numbering
    assert [path.name for path in tmp_path.iterdir()] == ["classes.json"]


def test_a_missing_table_says_what_writes_it(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"classes\.json: no such file; it is written by `llavaction build-sft`"):
        ClassTable.load(tmp_path)


@pytest.mark.parametrize("field", ["verbs", "nouns", "actions", "narrations"])
def test_a_table_without_a_part_is_an_error(tmp_path: Path, field: str) -> None:
    TABLE.save(tmp_path)
    row = read_json(tmp_path / "classes.json")
    del row[field]
    write_json(tmp_path / "classes.json", row)
    with pytest.raises(DataError, match=rf"classes\.json: KeyError: '{field}'"):
        ClassTable.load(tmp_path)


def test_a_file_that_is_no_table_is_an_error(tmp_path: Path) -> None:
    write_json(tmp_path / "classes.json", [1, 2])
    with pytest.raises(DataError, match=r"classes\.json: TypeError"):
        ClassTable.load(tmp_path)


def test_the_same_numbering_passes_whatever_the_narrations() -> None:
    TABLE.check_same(replace(TABLE, narrations={}), "a", "b")


@pytest.mark.parametrize(
    "other",
    [
        replace(TABLE, verbs=("put", "take", "wash")),
        replace(TABLE, nouns=(*TABLE.nouns, "spoon")),
        replace(TABLE, actions=("0:0", "2:1")),
        replace(TABLE, verbs=(*TABLE.verbs, "plate"), nouns=TABLE.nouns[1:]),
    ],
)
def test_another_numbering_is_an_error_that_names_both(other: ClassTable) -> None:
    with pytest.raises(DataError) as failure:
        TABLE.check_same(other, "runs/a/classes.json", "runs/b/classes.json")
    assert "runs/a/classes.json and runs/b/classes.json number their classes differently" in str(failure.value)
    assert f"(3 and {len(other.actions)} actions)" in str(failure.value)


def test_real_narrations(ek100: Annotations) -> None:
    table = ClassTable.from_annotations(ek100)
    assert (len(table.verbs), len(table.nouns), len(table.actions)) == (97, 300, 2684)
    assert table.class_of("Put down plate.") == (1, 2)
