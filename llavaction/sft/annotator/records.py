"""What the annotator leaves behind: the annotation of a clip, or the reason why there is none.

`annotations.jsonl`, one object per line, sorted by segment id::

    {"segment_id": "P01_11_0", "caption": "I lower a white plate ...", "model": "gpt-4o",
     "pairs": [{"question": "Where do I put the plate?", "answer": "On the drying rack."}, ...],
     "prompt": {"name": "first_person", "version": 1}}

`failures.jsonl`, likewise::

    {"segment_id": "P01_11_1", "reason": "disagrees", "detail": "The frames show an empty sink."}
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from llavaction.api.reasons import Reason
from llavaction.utils.enums import StrEnum
from llavaction.utils.errors import DataError
from llavaction.utils.jsonl import read_unique

ANNOTATIONS_FILE = "annotations.jsonl"
FAILURES_FILE = "failures.jsonl"

NUM_PAIRS = 3
"""Questions per caption, as in the paper."""


class SegmentReason(StrEnum):
    """Why a segment has no annotation, beside the reasons that a request may have."""

    DISAGREES = "disagrees"
    """The model says that the label is wrong."""
    VIDEO = "video"
    """The frames could not be read."""


@dataclass(frozen=True)
class QaPair:
    """A question about a clip and its short answer."""

    question: str
    answer: str


@dataclass(frozen=True)
class PromptVersion:
    """Which words the model was asked with."""

    name: str
    version: int


@dataclass(frozen=True)
class ClipAnnotation:
    """What a model wrote about the clip of one segment.

    Attributes:
        model: name of the model, as the server was asked for it.
        prompt: the prompt it was asked with.
    """

    segment_id: str
    caption: str
    pairs: tuple[QaPair, ...]
    model: str
    prompt: PromptVersion

    def to_row(self) -> dict[str, Any]:
        """The annotation as a JSON object."""
        return asdict(self)

    @classmethod
    def from_row(cls, row: dict[str, Any]) -> ClipAnnotation:
        """The annotation of a JSON object.

        Raises:
            DataError: naming the segment and the field that is missing, unknown, empty or of another type.
        """
        name = f"annotation of segment {row.get('segment_id')!r}"
        texts = {"segment_id": str, "caption": str, "model": str}
        _check(name, row, {**texts, "pairs": list, "prompt": dict})
        _check(f"{name}: prompt", row["prompt"], {"name": str, "version": int})
        for pair in row["pairs"]:
            _check(f"{name}: pair", pair, {"question": str, "answer": str})
        return cls(
            segment_id=row["segment_id"],
            caption=row["caption"],
            pairs=tuple(QaPair(**pair) for pair in row["pairs"]),
            model=row["model"],
            prompt=PromptVersion(**row["prompt"]),
        )


@dataclass(frozen=True)
class Failure:
    """A segment without an annotation, why, and what exactly was said or sent."""

    segment_id: str
    reason: Reason | SegmentReason
    detail: str

    def to_row(self) -> dict[str, Any]:
        """The failure as a JSON object."""
        return {"segment_id": self.segment_id, "reason": str(self.reason), "detail": self.detail}


def read_clip_annotations(path: Path) -> list[ClipAnnotation]:
    """Read `annotations.jsonl`.

    Raises:
        DataError: naming the line, when one is no annotation or a segment stands in the file twice.
    """
    return read_unique(path, ClipAnnotation.from_row, lambda annotation: annotation.segment_id)


def _check(name: str, value: Any, kinds: dict[str, type]) -> None:
    """Refuse anything but an object with exactly these fields, none of them empty."""
    if not isinstance(value, dict) or value.keys() != kinds.keys():
        found = sorted(value) if isinstance(value, dict) else type(value).__name__
        raise DataError(f"{name}: expected the fields {sorted(kinds)}, found {found}")
    for key, kind in kinds.items():
        # A bool is an int to Python, and version 0 is no empty field.
        if type(value[key]) is not kind or value[key] in ("", []):
            raise DataError(f"{name}: {key} = {value[key]!r} must be a {kind.__name__} with something in it")
