"""What every builder is."""

from __future__ import annotations

from typing import Protocol

from llavaction.annotations.epic_kitchens import Split
from llavaction.annotations.segments import Segment
from llavaction.annotations.vocabulary import Vocabulary
from llavaction.sft.samples import ActionLabel, ClipRef, Sample, View
from llavaction.sft.tally import Tally

LEFT_OUT = "left_out"
"""Topic of the counts of segments that a view has no sample for."""


class Builder(Protocol):
    """Makes the sample of one view for a segment."""

    view: View

    def build(self, segment: Segment, split: Split, tally: Tally) -> Sample | None:
        """The sample, a function of the seed and the segment alone; None, counted as `LEFT_OUT`, where it has none."""
        ...


def clip_of(segment: Segment) -> ClipRef:
    """The segment's own stretch of video."""
    return ClipRef(segment.video_id, segment.start_s, segment.stop_s)


def label_of(segment: Segment, vocabulary: Vocabulary) -> ActionLabel:
    """The segment's classes."""
    action_id = vocabulary.action_id(segment.verb_id, segment.noun_id)
    return ActionLabel(segment.verb_id, segment.noun_id, action_id)
