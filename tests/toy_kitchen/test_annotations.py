from __future__ import annotations

import ast
import csv
import re
from pathlib import Path

import pytest

from llavaction.toy_kitchen.annotations import frame_number, tail_ids
from llavaction.toy_kitchen.scenes import KitchenConfig
from llavaction.toy_kitchen.vocabulary import EXTRA_NOUN, NOUNS, VERBS

FILES = (
    "train",
    "validation",
    "verb_classes",
    "noun_classes",
    "noun_classes_v2",
    "tail_verbs",
    "tail_nouns",
    "unseen_participant_ids_validation",
    "video_info",
)


def read(folder: Path, name: str) -> list[dict[str, str]]:
    with (folder / "annotations" / f"EPIC_100_{name}.csv").open(newline="") as file:
        return list(csv.DictReader(file))


def seconds(timestamp: str) -> float:
    hours, minutes, rest = timestamp.split(":")
    return int(hours) * 3600 + int(minutes) * 60 + float(rest)


@pytest.fixture(params=["train", "validation"])
def rows(request: pytest.FixtureRequest, tiny_kitchen: Path) -> list[dict[str, str]]:
    return read(tiny_kitchen, request.param)


@pytest.mark.parametrize("name", FILES)
def test_headers_and_line_ends_are_the_real_ones(name: str, tiny_kitchen: Path, real_annotations: Path) -> None:
    real = "train_part" if name == "train" else name
    real_line = (real_annotations / f"EPIC_100_{real}.csv").read_bytes().split(b"\n", 1)[0]
    toy_line = (tiny_kitchen / "annotations" / f"EPIC_100_{name}.csv").read_bytes().split(b"\n", 1)[0]
    assert toy_line == real_line


def test_frames_are_counted_as_in_the_real_table(real_annotations: Path) -> None:
    # Videos listed at 59.94 frames per second were counted at 60.
    with (real_annotations / "EPIC_100_video_info.csv").open(newline="") as file:
        fast = {row["video_id"] for row in csv.DictReader(file) if row["fps"].startswith("59.9")}
    with (real_annotations / "EPIC_100_validation.csv").open(newline="") as file:
        same = [
            frame_number(seconds(row[f"{end}_timestamp"]), 60) == int(row[f"{end}_frame"])
            for row in csv.DictReader(file)
            for end in ("start", "stop")
            if row["video_id"] in fast
        ]
    assert sum(same) / len(same) > 0.99


def test_ids_and_order(rows: list[dict[str, str]]) -> None:
    ids = [row["narration_id"] for row in rows]
    assert len(set(ids)) == len(ids)
    assert ids == sorted(ids)
    for row in rows:
        assert re.fullmatch(r"P\d\d_101_\d+", row["narration_id"])
        assert row["narration_id"].startswith(row["video_id"] + "_")
        assert row["video_id"].startswith(row["participant_id"] + "_")


def test_times_and_frames_agree(rows: list[dict[str, str]], tiny_kitchen: Path) -> None:
    duration_s = {row["video_id"]: float(row["duration"]) for row in read(tiny_kitchen, "video_info")}
    for row in rows:
        assert re.fullmatch(r"\d\d:\d\d:\d\d\.\d{3}", row["narration_timestamp"])
        assert re.fullmatch(r"\d\d:\d\d:\d\d\.\d\d", row["start_timestamp"])
        start_s, stop_s = seconds(row["start_timestamp"]), seconds(row["stop_timestamp"])
        assert 0.0 <= start_s < stop_s <= duration_s[row["video_id"]]
        assert int(row["start_frame"]) == max(1, int(start_s * 10 + 1e-6))
        assert int(row["stop_frame"]) == int(stop_s * 10 + 1e-6)


def test_classes_and_words_agree_with_the_class_tables(rows: list[dict[str, str]], tiny_kitchen: Path) -> None:
    verbs, nouns = (
        {row["id"]: ast.literal_eval(row["instances"]) for row in read(tiny_kitchen, f"{kind}_classes")}
        for kind in ("verb", "noun")
    )
    for row in rows:
        assert row["verb"] in verbs[row["verb_class"]]
        assert row["noun"] in nouns[row["noun_class"]]
        assert ast.literal_eval(row["all_nouns"]) == [row["noun"]]
        assert ast.literal_eval(row["all_noun_classes"]) == [int(row["noun_class"])]


def test_class_tables(tiny_kitchen: Path) -> None:
    for name, classes in (("verb", VERBS), ("noun", NOUNS)):
        table = read(tiny_kitchen, f"{name}_classes")
        assert [(row["id"], row["key"]) for row in table] == [(str(i), c.key) for i, c in enumerate(classes)]
    first, second = read(tiny_kitchen, "noun_classes"), read(tiny_kitchen, "noun_classes_v2")
    assert second[:-1] == first
    assert second[-1]["key"] == EXTRA_NOUN.key


def test_unseen_participants_are_those_of_validation(tiny_kitchen: Path) -> None:
    unseen = {row["participant_id"] for row in read(tiny_kitchen, "unseen_participant_ids_validation")}
    assert unseen == {row["participant_id"] for row in read(tiny_kitchen, "validation")} == {"P03"}
    assert not unseen & {row["participant_id"] for row in read(tiny_kitchen, "train")}


def test_video_info_lists_every_video(tiny_kitchen: Path, tiny_config: KitchenConfig) -> None:
    info = read(tiny_kitchen, "video_info")
    assert [row["video_id"] for row in info] == ["P01_101", "P02_101", "P03_101"]
    assert {(float(row["fps"]), row["resolution"]) for row in info} == {(tiny_config.fps, "64x64")}


def test_tail_holds_at_most_a_fifth_of_the_segments() -> None:
    assert tail_ids([0] * 50 + [1] * 31 + [2] * 10 + [3] * 9, 5) == [2, 3, 4]
    assert tail_ids([0] * 50 + [1] * 30 + [2] * 11 + [3] * 9, 4) == [2, 3]
    assert tail_ids([0, 0, 1], 2) == []
