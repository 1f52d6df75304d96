"""A sample: one clip, a conversation about it, and what is known about the right answer.

JSONL form, one object per line::

    {"sample_id": "mqa/specialist/P01_11_0", "view": "mqa", "segment_id": "P01_11_0",
     "clip": {"video_id": "P01_11", "start_s": 0.0, "stop_s": 1.89},
     "turns": [{"role": "user", "text": "..."}, {"role": "assistant", "text": "B. take plate"}],
     "action": {"verb_id": 0, "noun_id": 2, "action_id": 7},
     "options": [{"text": "put down plate", "action_id": 31, "answer": "A. put down plate"},
                 {"text": "take plate", "action_id": 7, "answer": "B. take plate"}],
     "answer_idx": 1}
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any

from llavaction.utils.enums import StrEnum
from llavaction.utils.errors import DataError
from llavaction.utils.jsonl import dump_line, read_unique, write_text


class View(StrEnum):
    """What a sample asks about its clip (paper section 3; `facts` of the method)."""

    MQA = "mqa"
    DIRECT = "direct"


class Role(StrEnum):
    """Who speaks."""

    USER = "user"
    ASSISTANT = "assistant"


@dataclass(frozen=True)
class Turn:
    """One utterance. The clip stands before the text of the first user turn."""

    role: Role
    text: str


@dataclass(frozen=True)
class ClipRef:
    """A stretch of a video, in seconds from the video's start."""

    video_id: str
    start_s: float
    stop_s: float


@dataclass(frozen=True)
class ActionLabel:
    """The true classes of a clip."""

    verb_id: int
    noun_id: int
    action_id: int


@dataclass(frozen=True)
class Option:
    """One choice of a question, the action class it stands for, and the answer that chooses it."""

    text: str
    action_id: int
    answer: str


@dataclass(frozen=True)
class Sample:
    """One conversation about one clip. `options` is empty and `answer_idx` None unless it is a question with
    choices; `action` is None where the classes are not known."""

    sample_id: str
    view: View
    segment_id: str
    clip: ClipRef
    turns: tuple[Turn, ...]
    action: ActionLabel | None = None
    options: tuple[Option, ...] = field(default=())
    answer_idx: int | None = None

    def __post_init__(self) -> None:
        roles = [turn.role for turn in self.turns]
        if not roles or roles != [Role.USER, Role.ASSISTANT] * (len(roles) // 2):
            raise DataError(f"sample {self.sample_id!r}: turns must alternate user, assistant; found {roles}")
        if not 0 <= self.clip.start_s < self.clip.stop_s:
            raise DataError(f"sample {self.sample_id!r}: clip {self.clip} must have 0 <= start_s < stop_s")
        if (self.answer_idx is None) != (not self.options):
            raise DataError(f"sample {self.sample_id!r}: options and answer_idx come together or not at all")
        if self.answer_idx is not None and not 0 <= self.answer_idx < len(self.options):
            raise DataError(
                f"sample {self.sample_id!r}: answer_idx {self.answer_idx} is not one of {len(self.options)} options"
            )

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
        row = dict(vars(self))
        row["clip"] = vars(self.clip)
        row["turns"] = [vars(turn) for turn in self.turns]
        row["action"] = None if self.action is None else vars(self.action)
        row["options"] = [vars(option) for option in self.options]
        return row

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
                segment_id=row["segment_id"],
                clip=ClipRef(**row["clip"]),
                turns=tuple(Turn(**{**turn, "role": Role(turn["role"])}) for turn in row["turns"]),
                action=None if row.get("action") is None else ActionLabel(**row["action"]),
                options=tuple(Option(**option) for option in row.get("options", ())),
                answer_idx=row.get("answer_idx"),
            )
        except (KeyError, TypeError, ValueError) as error:
            raise DataError(f"sample {row.get('sample_id')!r}: {type(error).__name__}: {error}") from None


def write_samples(path: Path, samples: Iterable[Sample]) -> list[str]:
    """Write a JSONL file and return its lines."""
    lines = [dump_line(sample.to_row()) for sample in samples]
    write_text(path, "".join(line + "\n" for line in lines))
    return lines


def read_samples(path: Path) -> list[Sample]:
    """Read a JSONL file of samples.

    Raises:
        DataError: naming the line, when one is no sample or an id stands twice.
    """
    samples = read_unique(path, Sample.from_row, lambda sample: sample.sample_id)
    if not samples:
        raise DataError(f"{path}: no samples in it")
    return samples
