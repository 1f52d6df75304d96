"""The plan as CSV files, laid out as in the public EPIC-KITCHENS-100 annotations.

Source of the formats: https://github.com/epic-kitchens/epic-kitchens-100-annotations. The habits of the
originals are kept: the class tables end their lines with CR LF, version 2 of the nouns quotes its text.
"""

from __future__ import annotations

import csv
import io
import math
from collections import Counter
from collections.abc import Iterable, Sequence
from pathlib import Path

from llavaction.annotations.timestamps import format_timestamp
from llavaction.toy_kitchen.scenes import KitchenConfig, Segment, VideoPlan
from llavaction.toy_kitchen.vocabulary import EXTRA_NOUN, NOUNS, VERBS, NounClass, VerbClass
from llavaction.utils.jsonl import write_text

SEGMENT_COLUMNS = (
    "narration_id", "participant_id", "video_id", "narration_timestamp", "start_timestamp", "stop_timestamp",
    "start_frame", "stop_frame", "narration", "verb", "verb_class", "noun", "noun_class", "all_nouns",
    "all_noun_classes",
)  # fmt: skip
CLASS_COLUMNS = ("id", "key", "instances", "category")
TAIL_SHARE = 0.2  # tail classes are the smallest that together hold a fifth of the training segments

Row = Sequence[str | int | float]


def write_annotations(
    folder: Path, config: KitchenConfig, train: Sequence[VideoPlan], validation: Sequence[VideoPlan]
) -> None:
    """Write the nine CSV files of the real annotations below `folder`."""
    segments = [segment for video in train for segment in video.segments]
    unseen = sorted({video.participant_id for video in validation})
    verb_tail = tail_ids((segment.verb_id for segment in segments), len(VERBS))
    noun_tail = tail_ids((segment.noun_id for segment in segments), len(NOUNS))
    nouns = _class_rows(NOUNS)
    nouns_v2 = _class_rows((*NOUNS, EXTRA_NOUN))
    crlf = "\r\n"
    files = {
        "train": _csv_text(SEGMENT_COLUMNS, segment_rows(train, config.fps)),
        "validation": _csv_text(SEGMENT_COLUMNS, segment_rows(validation, config.fps)),
        "verb_classes": _csv_text(CLASS_COLUMNS, _class_rows(VERBS), line_end=crlf),
        "noun_classes": _csv_text(CLASS_COLUMNS, nouns, line_end=crlf),
        "noun_classes_v2": _csv_text(CLASS_COLUMNS, nouns_v2, quote_text=True),
        "tail_verbs": _csv_text(("verb",), [(verb_id,) for verb_id in verb_tail]),
        "tail_nouns": _csv_text(("noun",), [(noun_id,) for noun_id in noun_tail]),
        "unseen_participant_ids_validation": _csv_text(("participant_id",), [(name,) for name in unseen]),
        "video_info": _csv_text(
            ("video_id", "duration", "fps", "resolution"), _info_rows([*train, *validation], config)
        ),
    }
    for name, text in files.items():
        write_text(folder / f"EPIC_100_{name}.csv", text)


def ordered_segments(videos: Iterable[VideoPlan]) -> list[tuple[VideoPlan, Segment]]:
    """Segments in row order: by video, then by narration id as text (_1, _10, _2), as in the real files."""
    return [
        (video, segment)
        for video in sorted(videos, key=lambda video: video.video_id)
        for segment in sorted(video.segments, key=lambda segment: segment.narration_id)
    ]


def segment_rows(videos: Iterable[VideoPlan], fps: int) -> list[Row]:
    """Rows of the train or validation table."""
    return [
        (
            segment.narration_id,
            video.participant_id,
            video.video_id,
            format_timestamp(segment.narration_s, decimals=3),
            format_timestamp(segment.start_s, decimals=2),
            format_timestamp(segment.stop_s, decimals=2),
            frame_number(segment.start_s, fps),
            frame_number(segment.stop_s, fps),
            segment.narration,
            segment.verb,
            segment.verb_id,
            segment.noun,
            segment.noun_id,
            repr([segment.noun]),
            repr([segment.noun_id]),
        )
        for video, segment in ordered_segments(videos)
    ]


def frame_number(time_s: float, fps: int) -> int:
    """The frame shown at a time; the real files round down and count from 1."""
    return max(1, math.floor(round(time_s * fps, 6)))


def tail_ids(class_ids: Iterable[int], num_classes: int) -> list[int]:
    """Ids of the smallest classes which together hold at most a fifth of the segments, in id order."""
    counts = Counter(class_ids)
    tail: list[int] = []
    budget = TAIL_SHARE * counts.total()
    for class_id in sorted(range(num_classes), key=lambda class_id: (counts[class_id], -class_id)):
        budget -= counts[class_id]
        if budget < 0:
            break
        tail.append(class_id)
    return sorted(tail)


def _class_rows(classes: Sequence[VerbClass | NounClass]) -> list[Row]:
    return [(idx, item.key, repr(list(item.instances)), item.category) for idx, item in enumerate(classes)]


def _info_rows(videos: Iterable[VideoPlan], config: KitchenConfig) -> list[Row]:
    size = f"{config.width}x{config.height}"
    return [(video.video_id, video.num_frames / config.fps, float(config.fps), size) for video in videos]


def _csv_text(columns: Sequence[str], rows: Iterable[Row], *, line_end: str = "\n", quote_text: bool = False) -> str:
    text = io.StringIO(newline="")
    writer = csv.writer(text, lineterminator=line_end)
    if quote_text:
        writer = csv.writer(text, lineterminator=line_end, quoting=csv.QUOTE_NONNUMERIC)
    writer.writerow(columns)
    writer.writerows(rows)
    return text.getvalue()
