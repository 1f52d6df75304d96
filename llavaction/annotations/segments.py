"""Action segments and the table that holds a split of them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from llavaction.utils.errors import DataError


@dataclass(frozen=True)
class Segment:
    """One annotated action in one video; times are in seconds from the video's start."""

    segment_id: str
    participant_id: str
    video_id: str
    start_s: float
    stop_s: float
    narration: str
    verb: str
    noun: str
    verb_id: int
    noun_id: int

    @property
    def action_key(self) -> str:
        """The action class as ``verb_id:noun_id``, for example ``1:2``."""
        return f"{self.verb_id}:{self.noun_id}"

    @property
    def duration_s(self) -> float:
        return self.stop_s - self.start_s


@dataclass(frozen=True)
class SegmentTable:
    """A split in the row order of its file, which public prediction files refer to.

    Raises:
        DataError: when two rows carry the same segment id.
    """

    source: str
    segments: Sequence[Segment]
    _row_by_id: dict[str, int] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        row_by_id: dict[str, int] = {}
        for row, segment in enumerate(self.segments):
            first = row_by_id.setdefault(segment.segment_id, row)
            if first != row:
                raise DataError(
                    f"{self.source}: segment id {segment.segment_id!r} stands in data rows {first + 1} and "
                    f"{row + 1}; ids must be unique"
                )
        object.__setattr__(self, "_row_by_id", row_by_id)

    def __len__(self) -> int:
        return len(self.segments)

    def __iter__(self) -> Iterator[Segment]:
        return iter(self.segments)

    def __contains__(self, segment_id: object) -> bool:
        return segment_id in self._row_by_id

    def get(self, segment_id: str) -> Segment:
        """The segment with this id.

        Raises:
            DataError: when the table has none.
        """
        row = self._row_by_id.get(segment_id)
        if row is None:
            raise DataError(f"{self.source}: no segment {segment_id!r} among {len(self)} rows")
        return self.segments[row]
