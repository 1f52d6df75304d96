from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from llavaction.annotations.epic_kitchens import (
    Annotations,
    AnnotationsConfig,
    Split,
    load_annotations,
    read_classes,
)
from llavaction.annotations.segments import Segment
from llavaction.utils.errors import ConfigError, DataError, LlavactionError
from llavaction.utils.hashing import file_sha256
from tests.annotations.ek100_files import SEGMENT_COLUMNS, csv_path, write_ek100

# One broken cell: file, data row, column, new value, and what the message says after the value.
BROKEN_CELLS = [
    ("train", 3, "verb_class", "4", "unknown class; the class file has ids 0 to 3"),
    ("train", 3, "verb_class", "-1", "unknown class; the class file has ids 0 to 3"),
    ("validation", 2, "noun_class", "5", "unknown class; the class file has ids 0 to 4"),
    ("train", 1, "verb_class", "take", "expected a whole number"),
    ("train", 1, "noun_class", "1.5", "expected a whole number"),
    ("train", 2, "start_timestamp", "0:00:05", "expected HH:MM:SS.cc"),
    ("validation", 4, "stop_timestamp", "00:61:00.00", "expected HH:MM:SS.cc"),
    ("train", 2, "stop_timestamp", "00:00:05.25", "not after start_timestamp (5.25 s)"),
    ("train", 2, "stop_timestamp", "00:00:01.00", "not after start_timestamp (5.25 s)"),
    ("train", 5, "narration", "", "empty"),
    ("train", 5, "narration", "   ", "empty"),
    ("validation", 1, "narration_id", "", "empty"),
    ("train", 1, "video_id", "", "empty"),
    ("train", 1, "participant_id", "", "empty"),
    ("train", 1, "verb", "", "empty"),
    ("train", 1, "noun", "", "empty"),
    ("verb_classes", 3, "id", "3", "expected 2; ids must count up from 0 without gaps"),
    ("noun_classes", 1, "id", "1", "expected 0; ids must count up from 0 without gaps"),
    ("verb_classes", 2, "id", "x", "expected a whole number"),
    ("noun_classes", 2, "key", "", "empty"),
    ("verb_classes", 1, "instances", "['take'", "expected a list of quoted names"),
    ("verb_classes", 1, "instances", "'take'", "expected a list of quoted names"),
    ("noun_classes", 4, "instances", "['a', 1]", "expected a list of quoted names"),
    ("noun_classes", 4, "instances", "[__import__('os').sep]", "expected a list of quoted names"),
    ("tail_verbs", 2, "verb", "4", "unknown class; the class file has ids 0 to 3"),
    ("tail_nouns", 1, "noun", "5", "unknown class; the class file has ids 0 to 4"),
    ("unseen_participant_ids_validation", 1, "participant_id", "", "empty"),
    ("video_info", 2, "video_id", "P01_01", "stands in the file twice"),
    ("video_info", 1, "duration", "0", "expected seconds above 0"),
    ("video_info", 1, "duration", "-3.0", "expected seconds above 0"),
    ("video_info", 1, "duration", "inf", "expected seconds above 0"),
    ("video_info", 1, "duration", "nan", "expected seconds above 0"),
    ("video_info", 2, "fps", "0", "expected frames per second above 0"),
]

FILES = [
    "train", "validation", "verb_classes", "noun_classes", "tail_verbs", "tail_nouns",
    "unseen_participant_ids_validation", "video_info",
]  # fmt: skip


@pytest.mark.parametrize(("stem", "row", "column", "value", "problem"), BROKEN_CELLS)
def test_a_broken_cell_is_named(tmp_path: Path, stem: str, row: int, column: str, value: str, problem: str) -> None:
    broken: dict[str, Any] = {stem: {(row, column): value}}
    with pytest.raises(DataError) as failure:
        load_annotations(write_ek100(tmp_path, **broken))
    assert str(failure.value) == f"{csv_path(tmp_path, stem)}: data row {row}, column {column!r} = {value!r}: {problem}"


def test_a_duplicate_segment_id_is_named_with_both_rows(tmp_path: Path) -> None:
    config = write_ek100(tmp_path, train={(4, "narration_id"): "P01_01_0"})
    with pytest.raises(DataError, match=r"EPIC_100_train\.csv: segment id 'P01_01_0' stands in data rows 1 and 4"):
        load_annotations(config)


def test_a_segment_in_both_splits_is_named(tmp_path: Path) -> None:
    config = write_ek100(tmp_path, validation={(2, "narration_id"): "P01_01_5"})
    with pytest.raises(ConfigError, match=r"1 segments stand in both .*train\.csv and .*validation\.csv.*'P01_01_5'"):
        load_annotations(config)


def rewrite(path: Path, change: Callable[[list[str]], list[str]]) -> None:
    path.write_text("".join(change(path.read_text().splitlines(keepends=True))))


def test_a_short_row_is_named(tmp_path: Path) -> None:
    config = write_ek100(tmp_path)
    path = csv_path(tmp_path, "train")
    rewrite(path, lambda lines: [*lines[:3], lines[3].rsplit(",", 1)[0] + "\n", *lines[4:]])
    with pytest.raises(DataError, match=r"EPIC_100_train\.csv: data row 3 has 14 cells, the header 15"):
        load_annotations(config)


@pytest.mark.parametrize(
    ("stem", "column", "typo"),
    [
        ("train", "stop_timestamp", "stop_timstamp"),
        ("validation", "narration_id", "naration_id"),
        ("noun_classes", "instances", "instance"),
        ("tail_verbs", "verb", "verbs"),
        ("video_info", "duration", "durations"),
    ],
)
def test_a_missing_column_comes_with_a_hint(tmp_path: Path, stem: str, column: str, typo: str) -> None:
    config = write_ek100(tmp_path)
    rewrite(csv_path(tmp_path, stem), lambda lines: [lines[0].replace(column, typo), *lines[1:]])
    expected = f"{csv_path(tmp_path, stem)}: no column {column!r}; did you mean {typo!r}?"
    with pytest.raises(DataError, match=re.escape(expected)):
        load_annotations(config)


@pytest.mark.parametrize("stem", FILES)
def test_a_missing_file_is_named(tmp_path: Path, stem: str) -> None:
    config = write_ek100(tmp_path)
    csv_path(tmp_path, stem).unlink()
    with pytest.raises(DataError, match=rf"EPIC_100_{stem}\.csv: no such file"):
        load_annotations(config)


def test_a_missing_folder_is_named_with_the_remedy(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"absent does not exist; set paths\.annotations=FOLDER"):
        load_annotations(AnnotationsConfig(folder=str(tmp_path / "absent")))


def test_the_miniature_folder_is_read_whole(tmp_path: Path) -> None:
    annotations = load_annotations(write_ek100(tmp_path))
    assert len(annotations.train) == 10
    assert len(annotations.validation) == 4
    assert [verb.key for verb in annotations.vocabulary.verbs] == ["take", "put", "wash", "open"]
    assert annotations.vocabulary.nouns[4].instances == ("drawer", "drawer:other")
    assert annotations.splits.tail_verb_ids == {2, 3}
    assert annotations.splits.tail_noun_ids == {0}
    assert annotations.splits.unseen_participant_ids == {"P02"}
    assert annotations.videos["P02_07"].duration_s == 30.0
    assert annotations.videos["P01_01"].fps == pytest.approx(59.94006)


def test_every_field_comes_from_its_own_column(tmp_path: Path) -> None:
    annotations = load_annotations(write_ek100(tmp_path))
    assert annotations.train.get("P01_01_3") == Segment(
        segment_id="P01_01_3",
        participant_id="P01",
        video_id="P01_01",
        start_s=15.75,
        stop_s=19.75,
        narration="put cup, then wash it",
        verb="put",
        noun="cup",
        verb_id=1,
        noun_id=1,
    )


def test_actions_of_both_splits_are_numbered(tmp_path: Path) -> None:
    vocabulary = load_annotations(write_ek100(tmp_path)).vocabulary
    # 2:0 occurs in validation only, 2:1 in train only.
    assert vocabulary.action_keys == ("0:0", "0:1", "0:2", "1:0", "1:1", "2:0", "2:1", "2:2", "3:3", "3:4")


def test_split_picks_the_table(tmp_path: Path) -> None:
    annotations = load_annotations(write_ek100(tmp_path))
    assert annotations.split(Split.TRAIN) is annotations.train
    assert annotations.split(Split.VALIDATION) is annotations.validation


def test_hashes_are_those_of_all_files(tmp_path: Path) -> None:
    annotations = load_annotations(write_ek100(tmp_path))
    assert annotations.hashes == {f"EPIC_100_{stem}.csv": file_sha256(csv_path(tmp_path, stem)) for stem in FILES}


def test_column_order_does_not_matter(tmp_path: Path) -> None:
    config = write_ek100(tmp_path)
    before = load_annotations(config).train
    path = csv_path(tmp_path, "validation")
    # The cells of this file hold no commas.
    rewrite(path, lambda lines: [",".join(reversed(line.strip().split(","))) + "\n" for line in lines])
    assert path.read_text().startswith(SEGMENT_COLUMNS[-1])
    after = load_annotations(config)
    assert after.train == before
    assert [segment.narration for segment in after.validation][:2] == ["wash plate", "take cup"]


def test_errors_are_those_the_command_line_prints() -> None:
    assert issubclass(DataError, LlavactionError)
    assert issubclass(ConfigError, LlavactionError)


def test_real_files(ek100: Annotations) -> None:
    assert len(ek100.validation) == 9668
    assert len(ek100.train) == 29023
    assert len(ek100.vocabulary.verbs) == 97
    assert len(ek100.vocabulary.nouns) == 300
    assert len(ek100.videos) == 700
    assert {segment.video_id for segment in [*ek100.train, *ek100.validation]} <= ek100.videos.keys()


def test_real_rows(ek100: Annotations) -> None:
    assert ek100.validation.segments[1] == Segment(
        "P01_11_1", "P01", "P01_11", 1.56, 2.45, "put down plate", "put-down", "plate", 1, 2
    )
    assert max(segment.duration_s for segment in ek100.validation) < 150


def test_the_second_noun_edition_adds_five_classes(shared: Path, ek100: Annotations) -> None:
    nouns = read_classes(shared / "data" / "ek100" / "EPIC_100_noun_classes_v2.csv")
    assert len(nouns) == 305
    assert [noun.key for noun in nouns[:300]] == [noun.key for noun in ek100.vocabulary.nouns]
