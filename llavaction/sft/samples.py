"""A sample: what is shown, a conversation about it, and what is known about the right answer.

JSONL form, one object per line::

    {"sample_id": "mqa/specialist/P01_11_0", "view": "mqa", "segment_id": "P01_11_0",
     "clip": {"video_id": "P01_11", "start_s": 0.0, "stop_s": 1.89},
     "turns": [{"role": "user", "text": "..."}, {"role": "assistant", "text": "B. take plate"}],
     "action": {"verb_id": 0, "noun_id": 2, "action_id": 7},
     "options": [{"text": "put down plate", "action_id": 31, "answer": "A. put down plate"},
                 {"text": "take plate", "action_id": 7, "answer": "B. take plate"}],
     "answer_idx": 1}

Fields that are empty are left out. What is shown is a stretch of a video (`clip`), or whole files (`media`), or
nothing.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, fields
from glob import escape as glob_escape
from pathlib import Path
from typing import Any

from llavaction.utils.enums import StrEnum
from llavaction.utils.errors import DataError
from llavaction.utils.jsonl import dump_line, read_unique, write_text


class View(StrEnum):
    """What a sample asks about its clip (paper section 3; `facts` of the method)."""

    MQA = "mqa"
    """Choose among options."""
    TEMPORAL_ORDER = "temporal_order"
    """The same, with the actions before this one in the question."""
    CANDIDATES = "candidates"
    """Choose among a model's best classes, ranked, perhaps without the true one; for evaluation alone."""
    DIRECT = "direct"
    """Name the action."""
    TEMPORAL_DETECTION = "temporal_detection"
    """When does a named action start and end?"""
    CAPTION = "caption"
    """Describe the clip in detail; written by an annotator."""
    QA = "qa"
    """Questions with short answers; written by an annotator."""
    REPLAY = "replay"
    """Conversations of other data sets, against forgetting."""


class Role(StrEnum):
    """Who speaks."""

    USER = "user"
    ASSISTANT = "assistant"


MEDIA_MARK = "\N{OBJECT REPLACEMENT CHARACTER}"
"""Stands in a user turn for the next of the sample's media. A sample without marks shows all it has, in order, before
the text of the first user turn."""


class MediaKind(StrEnum):
    """What a file of a sample is."""

    IMAGE = "image"
    VIDEO = "video"


@dataclass(frozen=True)
class MediaRef:
    """A whole file; `path` is relative to the folder of the data set's media, with "/" between names."""

    kind: MediaKind
    path: str


@dataclass(frozen=True)
class Turn:
    """One utterance; see `MEDIA_MARK` for where pictures stand."""

    role: Role
    text: str


@dataclass(frozen=True)
class ClipRef:
    """A stretch of a video, in seconds from the video's start."""

    video_id: str
    start_s: float
    stop_s: float


@dataclass(frozen=True)
class TimeSpan:
    """A target in time, in seconds from the start of the sample's clip."""

    start_s: float
    stop_s: float


@dataclass(frozen=True)
class PriorAction:
    """An action before the clip's own, as the question tells it.

    Attributes:
        segment_id: the segment it is.
        text: its words: the annotator's, or a model's earlier answer.
        before_s: how many seconds before the clip's own start it began.
    """

    segment_id: str
    text: str
    before_s: float


@dataclass(frozen=True)
class ActionLabel:
    """The true classes of a clip."""

    verb_id: int
    noun_id: int
    action_id: int


@dataclass(frozen=True)
class Option:
    """One choice of a question, the action class it stands for, and the answer that chooses it.

    `source` is the strategy that brought it as a wrong option; None for the right one. Candidates all name theirs.
    """

    text: str
    action_id: int
    answer: str
    source: str | None = None


@dataclass(frozen=True)
class Sample:
    """One conversation about one clip.

    Attributes:
        segment_id: the segment it is about; None in replayed conversations.
        clip: the stretch of video that is shown; None where `media` or nothing is.
        media: whole files that are shown instead of a clip.
        action: None where the classes are not known.
        options: empty unless it is a question with choices; then `answer_idx` is the right one. Candidates stand in
            the order of their rank, and have no `answer_idx` where the true class is not among them.
        prior: the earlier actions that the question tells.
        target: the right answer of a question about time.

    Raises:
        DataError: when fields contradict each other.
    """

    sample_id: str
    view: View
    segment_id: str | None
    clip: ClipRef | None
    turns: tuple[Turn, ...]
    action: ActionLabel | None = None
    options: tuple[Option, ...] = ()
    answer_idx: int | None = None
    prior: tuple[PriorAction, ...] = ()
    target: TimeSpan | None = None
    media: tuple[MediaRef, ...] = ()

    def __post_init__(self) -> None:
        roles = [turn.role for turn in self.turns]
        if not roles or roles != [Role.USER, Role.ASSISTANT] * (len(roles) // 2):
            raise self._fail(f"turns must alternate user, assistant; found {[str(role) for role in roles]}")
        if (self.segment_id is None) != (self.view is View.REPLAY):
            raise self._fail("every view is about a segment and names it, save replay")
        if self.clip is not None:
            if self.media:
                raise self._fail("it shows a clip and files; one or the other")
            if not 0 <= self.clip.start_s < self.clip.stop_s:
                raise self._fail(f"clip {self.clip} must have 0 <= start_s < stop_s")
        if self.view is View.CANDIDATES:
            self._check_candidates()
        elif (self.answer_idx is None) != (not self.options):
            raise self._fail("options and answer_idx come together or not at all")
        if self.answer_idx is not None and not 0 <= self.answer_idx < len(self.options):
            raise self._fail(f"answer_idx {self.answer_idx} is not one of {len(self.options)} options")
        if self.target is not None and not (
            self.clip is not None
            and 0 <= self.target.start_s < self.target.stop_s <= self.clip.stop_s - self.clip.start_s + 0.01
        ):
            raise self._fail(f"target {self.target} does not lie within clip {self.clip}")

    def _check_candidates(self) -> None:
        ranked = [option.action_id for option in self.options]
        if self.action is None or not ranked or len(set(ranked)) < len(ranked):
            raise self._fail(f"needs candidates of different classes ({ranked}) and the true one ({self.action})")
        place = ranked.index(self.action.action_id) if self.action.action_id in ranked else None
        if self.answer_idx != place:
            raise self._fail(f"answer_idx is {self.answer_idx}, but the true class stands at {place}")

    def _fail(self, problem: str) -> DataError:
        return DataError(f"sample {self.sample_id!r}: {problem}")

    @property
    def shown_clip(self) -> ClipRef:
        """The clip.

        Raises:
            DataError: when the sample shows none.
        """
        if self.clip is None:
            raise self._fail("it shows no clip of a video")
        return self.clip

    @property
    def question(self) -> str:
        """The first user turn's text."""
        return self.turns[0].text

    @property
    def answer(self) -> str:
        """The last assistant turn's text."""
        return self.turns[-1].text

    def to_row(self) -> dict[str, Any]:
        """The sample as a JSON object."""
        return {name: _plain(value) for name, value in vars(self).items() if value is not None and value != ()}

    @classmethod
    def from_row(cls, row: dict[str, Any]) -> Sample:
        """The sample of a JSON object.

        Raises:
            DataError: for a missing or unknown field, or values that contradict each other.
        """
        unknown = row.keys() - {item.name for item in fields(cls)}
        if unknown:
            raise DataError(f"sample {row.get('sample_id')!r}: unknown fields {sorted(unknown)}")
        try:
            return cls(
                sample_id=row["sample_id"],
                view=View(row["view"]),
                segment_id=row.get("segment_id"),
                clip=None if row.get("clip") is None else ClipRef(**row["clip"]),
                turns=tuple(Turn(**{**turn, "role": Role(turn["role"])}) for turn in row["turns"]),
                action=None if row.get("action") is None else ActionLabel(**row["action"]),
                options=tuple(Option(**option) for option in row.get("options", ())),
                answer_idx=row.get("answer_idx"),
                prior=tuple(PriorAction(**action) for action in row.get("prior", ())),
                target=None if row.get("target") is None else TimeSpan(**row["target"]),
                media=tuple(MediaRef(MediaKind(item["kind"]), item["path"]) for item in row.get("media", ())),
            )
        except (KeyError, TypeError, ValueError) as error:
            raise DataError(f"sample {row.get('sample_id')!r}: {type(error).__name__}: {error}") from None


def _plain(value: Any) -> Any:
    """A field as JSON takes it."""
    if isinstance(value, tuple):
        return [{name: part for name, part in vars(item).items() if part is not None} for item in value]
    return vars(value) if hasattr(value, "__dataclass_fields__") else value


def write_samples(path: Path, samples: Iterable[Sample]) -> list[str]:
    """Write a JSONL file and return its lines."""
    lines = [dump_line(sample.to_row()) for sample in samples]
    write_text(path, "".join(line + "\n" for line in lines))
    return lines


def sample_files(path: Path) -> list[Path]:
    """The files that hold the samples of `path`: itself, or its shards `NAME-00000-of-00004.jsonl`, in order."""
    shards = path.parent.glob(f"{glob_escape(path.stem)}-[0-9]*-of-[0-9]*{path.suffix}")
    return ([path] if path.is_file() else []) + sorted(shards)


def read_samples(path: Path) -> list[Sample]:
    """Read a JSONL file of samples, or its shards.

    Raises:
        DataError: naming the line, when one is no sample or an id stands twice; when a shard is missing.
    """
    files = sample_files(path) or [path]
    _check_whole(path, files)
    samples: dict[str, Sample] = {}
    for file in files:
        for sample in read_unique(file, Sample.from_row, lambda sample: sample.sample_id):
            if samples.setdefault(sample.sample_id, sample) is not sample:
                raise DataError(f"{file}: {sample.sample_id!r} stands in another file of {path} too")
    if not samples:
        raise DataError(f"{path}: no samples in it")
    return list(samples.values())


def _check_whole(path: Path, files: list[Path]) -> None:
    if files == [path]:
        return
    expected = [f"{path.stem}-{number:05}-of-{len(files):05}{path.suffix}" for number in range(len(files))]
    if [file.name for file in files] != expected:
        raise DataError(f"{path}: expected the shards {expected}, found {[file.name for file in files]}")
