"""A complete miniature folder of EPIC-KITCHENS-100 annotations, in which single cells can be broken."""

from __future__ import annotations

import csv
from collections.abc import Mapping
from pathlib import Path

from llavaction.annotations.epic_kitchens import AnnotationsConfig
from llavaction.annotations.timestamps import format_timestamp

Cells = Mapping[tuple[int, str], str]
"""New values by data row (from 1) and column."""

CLASS_COLUMNS = ("id", "key", "instances", "category")
SEGMENT_COLUMNS = (
    "narration_id", "participant_id", "video_id", "narration_timestamp", "start_timestamp", "stop_timestamp",
    "start_frame", "stop_frame", "narration", "verb", "verb_class", "noun", "noun_class", "all_nouns",
    "all_noun_classes",
)  # fmt: skip

VERBS = ("take", "put", "wash", "open")
NOUNS = ("plate", "cup", "knife", "tap", "drawer")

# narration, verb class, noun class: four seconds each, one after the other, in one video of each split.
TRAIN = (
    ("take plate", 0, 0),
    ("put down plate", 1, 0),
    ("take cup", 0, 1),
    ("put cup, then wash it", 1, 1),
    ("wash knife", 2, 2),
    ("open tap", 3, 3),
    ("open drawer", 3, 4),
    ("Take the plate.", 0, 0),
    ("wash cup", 2, 1),
    ("take knife", 0, 2),
)
VALIDATION = (("wash plate", 2, 0), ("take cup", 0, 1), ("put plate", 1, 0), ("open tap", 3, 3))


def write_ek100(folder: Path, **changed: Cells) -> AnnotationsConfig:
    """Write the eight CSV files and return the config that reads them.

    Args:
        changed: cells to change, by the file's name without prefix and ending, for example
            ``train={(2, "verb_class"): "99"}``.
    """
    videos = [("P01_01", "60.5", "59.9400599400599", "1920x1080"), ("P02_07", "30.0", "50.0", "1920x1080")]
    files: dict[str, tuple[tuple[str, ...], list[tuple[str, ...]]]] = {
        "train": (SEGMENT_COLUMNS, _segment_rows("P01", "P01_01", TRAIN)),
        "validation": (SEGMENT_COLUMNS, _segment_rows("P02", "P02_07", VALIDATION)),
        "verb_classes": (CLASS_COLUMNS, _class_rows(VERBS)),
        "noun_classes": (CLASS_COLUMNS, _class_rows(NOUNS)),
        "tail_verbs": (("verb",), [("2",), ("3",)]),
        "tail_nouns": (("noun",), [("0",)]),
        "unseen_participant_ids_validation": (("participant_id",), [("P02",)]),
        "video_info": (("video_id", "duration", "fps", "resolution"), videos),
    }
    assert changed.keys() <= files.keys()
    for stem, (columns, rows) in files.items():
        _write(csv_path(folder, stem), columns, rows, changed.get(stem, {}))
    return AnnotationsConfig(folder=str(folder))


def csv_path(folder: Path, stem: str) -> Path:
    """One of the files, by the part of its name after the prefix."""
    return folder / f"EPIC_100_{stem}.csv"


def _write(path: Path, columns: tuple[str, ...], rows: list[tuple[str, ...]], changed: Cells) -> None:
    cells = [dict(zip(columns, row, strict=True)) for row in rows]
    for (number, column), value in changed.items():
        assert column in columns, f"{path.name} has no column {column}"
        cells[number - 1][column] = value
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, columns, lineterminator="\n")
        writer.writeheader()
        writer.writerows(cells)


def _segment_rows(
    participant_id: str, video_id: str, segments: tuple[tuple[str, int, int], ...]
) -> list[tuple[str, ...]]:
    rows = []
    for number, (narration, verb_id, noun_id) in enumerate(segments):
        start_s, stop_s = 5.25 * number, 5.25 * number + 4
        rows.append(
            (
                f"{video_id}_{number}",
                participant_id,
                video_id,
                format_timestamp(start_s, decimals=3),
                format_timestamp(start_s),
                format_timestamp(stop_s),
                str(int(start_s * 50) + 1),
                str(int(stop_s * 50) + 1),
                narration,
                VERBS[verb_id],
                str(verb_id),
                NOUNS[noun_id],
                str(noun_id),
                repr([NOUNS[noun_id]]),
                repr([noun_id]),
            )
        )
    return rows


def _class_rows(keys: tuple[str, ...]) -> list[tuple[str, ...]]:
    return [(str(number), key, repr([key, f"{key}:other"]), "kitchen") for number, key in enumerate(keys)]
