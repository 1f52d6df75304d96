"""Reader of the EPIC-KITCHENS-100 annotation files.

Format: https://github.com/epic-kitchens/epic-kitchens-100-annotations (15 columns per segment, of which the
ones named below are read; `start_frame` counts frames of the original video and is of no use after re-encoding).
"""

from __future__ import annotations

import ast
from dataclasses import dataclass
from pathlib import Path

from llavaction.annotations.segments import Segment, SegmentTable
from llavaction.annotations.splits import Splits
from llavaction.annotations.tables import Row, read_rows
from llavaction.annotations.timestamps import parse_timestamp
from llavaction.annotations.vocabulary import ClassName, Vocabulary
from llavaction.utils.enums import StrEnum
from llavaction.utils.errors import ConfigError, DataError
from llavaction.utils.hashing import file_sha256

SEGMENT_COLUMNS = (
    "narration_id", "participant_id", "video_id", "start_timestamp", "stop_timestamp",
    "narration", "verb", "verb_class", "noun", "noun_class",
)  # fmt: skip


class Split(StrEnum):
    """The labelled splits."""

    TRAIN = "train"
    VALIDATION = "validation"


@dataclass
class AnnotationsConfig:
    """Where the annotation files lie; the file names are those of the public repository."""

    folder: str = "???"
    """Folder of the CSV files; no default, as everybody keeps them elsewhere."""
    train_file: str = "EPIC_100_train.csv"
    """Training segments."""
    validation_file: str = "EPIC_100_validation.csv"
    """Validation segments."""
    verb_classes_file: str = "EPIC_100_verb_classes.csv"
    """Verb classes (97 in EK100)."""
    noun_classes_file: str = "EPIC_100_noun_classes.csv"
    """Noun classes: the first edition (300 in EK100), which all published models use; the second edition,
    EPIC_100_noun_classes_v2.csv, has 305, and its first 300 ids mean the same."""
    tail_verbs_file: str = "EPIC_100_tail_verbs.csv"
    """Tail verb classes."""
    tail_nouns_file: str = "EPIC_100_tail_nouns.csv"
    """Tail noun classes."""
    unseen_participants_file: str = "EPIC_100_unseen_participant_ids_validation.csv"
    """Participants of validation that do not occur in training (the test set has a file of its own)."""
    video_info_file: str = "EPIC_100_video_info.csv"
    """Duration, frame rate and resolution of each video."""


@dataclass(frozen=True)
class VideoInfo:
    """One row of the video table; `fps` is that of the original recording."""

    video_id: str
    duration_s: float
    fps: float


@dataclass(frozen=True)
class Annotations:
    """Everything the annotation files say, checked. `hashes` maps each file's name to its SHA-256."""

    train: SegmentTable
    validation: SegmentTable
    vocabulary: Vocabulary
    splits: Splits
    videos: dict[str, VideoInfo]
    hashes: dict[str, str]

    def split(self, split: Split) -> SegmentTable:
        return self.train if split is Split.TRAIN else self.validation


def load_annotations(config: AnnotationsConfig) -> Annotations:
    """Read and check all files.

    Raises:
        DataError: for any defect, naming the file, the row and the value.
    """
    folder = Path(config.folder)
    if not folder.is_dir():
        raise ConfigError(f"annotations folder {folder} does not exist; set paths.annotations=FOLDER")
    verbs = read_classes(folder / config.verb_classes_file)
    nouns = read_classes(folder / config.noun_classes_file)
    train = read_segments(folder / config.train_file, len(verbs), len(nouns))
    validation = read_segments(folder / config.validation_file, len(verbs), len(nouns))
    _check_disjoint(train, validation)
    splits = Splits(
        tail_verb_ids=_read_ids(folder / config.tail_verbs_file, "verb", len(verbs)),
        tail_noun_ids=_read_ids(folder / config.tail_nouns_file, "noun", len(nouns)),
        unseen_participant_ids=frozenset(
            row.text("participant_id")
            for row in read_rows(folder / config.unseen_participants_file, ["participant_id"])
        ),
    )
    files = sorted(name for key, name in vars(config).items() if key.endswith("_file"))
    return Annotations(
        train=train,
        validation=validation,
        vocabulary=Vocabulary.from_segments(verbs, nouns, [*train, *validation]),
        splits=splits,
        videos=read_video_info(folder / config.video_info_file),
        hashes={name: file_sha256(folder / name) for name in files},
    )


def read_segments(path: Path, num_verbs: int, num_nouns: int) -> SegmentTable:
    """Read a segment file whose class ids must lie below `num_verbs` and `num_nouns`."""
    segments = tuple(_segment(row, num_verbs, num_nouns) for row in read_rows(path, SEGMENT_COLUMNS))
    if not segments:
        raise DataError(f"{path}: a header without segments")
    return SegmentTable(str(path), segments)


def read_classes(path: Path) -> tuple[ClassName, ...]:
    """Read a verb or noun class file; ids must count up from 0."""
    classes: list[ClassName] = []
    for row in read_rows(path, ("id", "key", "instances", "category")):
        class_id = row.integer("id")
        if class_id != len(classes):
            raise row.fail("id", f"expected {len(classes)}; ids must count up from 0 without gaps")
        instances = row.parse("instances", _parse_names, "a list of quoted names")
        classes.append(ClassName(class_id, row.text("key"), instances, row.text("category")))
    return tuple(classes)


def read_video_info(path: Path) -> dict[str, VideoInfo]:
    """Read the video table."""
    videos: dict[str, VideoInfo] = {}
    for row in read_rows(path, ("video_id", "duration", "fps")):
        video_id = row.text("video_id")
        if video_id in videos:
            raise row.fail("video_id", "stands in the file twice")
        duration_s = row.parse("duration", _positive, "seconds above 0")
        videos[video_id] = VideoInfo(video_id, duration_s, row.parse("fps", _positive, "frames per second above 0"))
    return videos


def _segment(row: Row, num_verbs: int, num_nouns: int) -> Segment:
    start_s = row.parse("start_timestamp", parse_timestamp, "HH:MM:SS.cc")
    stop_s = row.parse("stop_timestamp", parse_timestamp, "HH:MM:SS.cc")
    if stop_s <= start_s:
        raise row.fail("stop_timestamp", f"not after start_timestamp ({start_s} s)")
    return Segment(
        segment_id=row.text("narration_id"),
        participant_id=row.text("participant_id"),
        video_id=row.text("video_id"),
        start_s=start_s,
        stop_s=stop_s,
        narration=row.text("narration"),
        verb=row.text("verb"),
        noun=row.text("noun"),
        verb_id=_class_id(row, "verb_class", num_verbs),
        noun_id=_class_id(row, "noun_class", num_nouns),
    )


def _class_id(row: Row, column: str, num_classes: int) -> int:
    class_id = row.integer(column)
    if not 0 <= class_id < num_classes:
        raise row.fail(column, f"unknown class; the class file has ids 0 to {num_classes - 1}")
    return class_id


def _read_ids(path: Path, column: str, num_classes: int) -> frozenset[int]:
    return frozenset(_class_id(row, column, num_classes) for row in read_rows(path, [column]))


def _parse_names(text: str) -> tuple[str, ...]:
    # literal_eval reads literals only; it runs nothing.
    try:
        value = ast.literal_eval(text)
    except (SyntaxError, ValueError):
        raise ValueError(text) from None
    if not isinstance(value, list) or not all(isinstance(name, str) for name in value):
        raise ValueError(text)
    return tuple(value)


def _positive(text: str) -> float:
    value = float(text)
    if not 0 < value < float("inf"):
        raise ValueError(text)
    return value


def _check_disjoint(train: SegmentTable, validation: SegmentTable) -> None:
    both = [segment.segment_id for segment in validation if segment.segment_id in train]
    if both:
        raise ConfigError(
            f"{len(both)} segments stand in both {train.source} and {validation.source} (first: {both[0]!r}); "
            "training on them would make validation worthless"
        )
