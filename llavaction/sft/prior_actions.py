"""The actions before a segment, as a question can tell them (paper: temporal order, sequential action prediction)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import groupby, islice, pairwise
from pathlib import Path
from typing import Any

from llavaction.annotations.epic_kitchens import Annotations
from llavaction.annotations.segments import Segment
from llavaction.sft.narrations import order_in_time
from llavaction.sft.samples import PriorAction
from llavaction.utils.errors import ConfigError, DataError
from llavaction.utils.jsonl import read_jsonl


@dataclass
class PriorConfig:
    """Which earlier actions are told, and how often."""

    num_actions: int = 2
    """Actions told; 2, as in the paper. A segment with fewer before it has none told."""
    max_gap_s: float = 3.0
    """Longest pause in seconds between each of them and the next; 3, as in the paper."""
    train_share: float = 0.3
    """Share of the training questions that tell them, of those that can; 0.3, as in the paper. In validation all do."""
    answers_file: str | None = None
    """A model's own answers to earlier segments, told in validation instead of the annotators' narrations: JSONL with
    `segment_id` and `text`, or the rows of `llavaction evaluate`. A question whose earlier segments have no answer in
    it tells nothing, which is counted."""

    def __post_init__(self) -> None:
        if self.num_actions < 1 or not 0 <= self.max_gap_s < float("inf") or not 0 <= self.train_share <= 1:
            raise ConfigError(
                f"sft.prior: num_actions = {self.num_actions} must be 1 or more, max_gap_s = {self.max_gap_s} 0 or "
                f"more, train_share = {self.train_share} from 0 to 1"
            )


def previous_segments(annotations: Annotations, config: PriorConfig) -> dict[str, tuple[Segment, ...]]:
    """The `num_actions` segments before each segment, the earliest first, where no gap is too long.

    Segments follow one another by their starts; one that is still running when the next starts has a gap of 0. An
    action of the segment's own class that is still running is no earlier action but the answer itself, so it is not
    told; one that has ended is. Segments with fewer before them, or with a longer gap, are left out.
    """
    before: dict[str, tuple[Segment, ...]] = {}
    for table in (annotations.train, annotations.validation):
        for _, group in groupby(sorted(table, key=order_in_time), key=lambda segment: segment.video_id):
            run: list[Segment] = []
            for segment in group:
                if run and segment.start_s - run[-1].stop_s > config.max_gap_s:
                    run = []
                backwards = (other for other in reversed(run) if _is_before(other, segment))
                told = tuple(islice(backwards, config.num_actions))[::-1]
                if len(told) == config.num_actions and _longest_gap(*told, segment) <= config.max_gap_s:
                    before[segment.segment_id] = told
                run.append(segment)
    return before


def _longest_gap(*segments: Segment) -> float:
    return max(after.start_s - before.stop_s for before, after in pairwise(segments))


def _is_before(other: Segment, segment: Segment) -> bool:
    goes_on = other.action_key == segment.action_key and other.stop_s > segment.start_s
    return other.start_s < segment.start_s and not goes_on


def tell(segment: Segment, before: tuple[Segment, ...], texts: Mapping[str, str] | None) -> tuple[PriorAction, ...]:
    """What a question tells: narrations, or `texts` by segment id; nothing when one of the texts is missing."""
    words = [other.narration if texts is None else texts.get(other.segment_id) for other in before]
    return tuple(
        PriorAction(other.segment_id, text, round(segment.start_s - other.start_s, 2))
        for other, text in zip(before, words)
        if text is not None and None not in words
    )


def read_answers(path: Path) -> dict[str, str]:
    """A model's answers by segment id.

    Rows of an evaluation count with the option they chose, or else with the text they wrote; one that chose nothing
    that can be read has no answer.

    Raises:
        DataError: for a row without an answer's fields, or a segment that stands twice.
    """
    answers: dict[str, str] = {}
    seen: set[str] = set()
    for number, row in enumerate(read_jsonl(path), start=1):
        segment_id = row.get("segment_id")
        if not isinstance(segment_id, str) or not row.keys() & {"text", "options", "raw", "kind"}:
            raise DataError(f"{path}:{number}: expected segment_id and text, or a row of `llavaction evaluate`")
        if segment_id in seen:
            raise DataError(f"{path}:{number}: segment {segment_id!r} stands in the file twice; give one task's rows")
        seen.add(segment_id)
        text = row.get("text")
        if row.get("options"):
            text = _chosen(path, number, row)
        elif text is None:
            text = row.get("raw")
        if text:
            answers[segment_id] = str(text)
    return answers


def _chosen(path: Path, number: int, row: dict[str, Any]) -> str | None:
    options, chosen = row["options"], row.get("chosen_idx")
    if chosen is None:
        return None
    if not isinstance(options, list) or chosen not in range(len(options)):
        raise DataError(f"{path}:{number}: chosen_idx = {chosen!r} is none of its {len(options)} options")
    return str(options[chosen])
