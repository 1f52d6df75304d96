"""What else really happens while a segment runs."""

from __future__ import annotations

from collections import defaultdict

from llavaction.annotations.epic_kitchens import Annotations
from llavaction.annotations.segments import Segment
from llavaction.sft.narrations import order_in_time


def overlapping_actions(annotations: Annotations) -> dict[str, frozenset[tuple[int, int]]]:
    """Verb and noun ids of the other segments of the same video that share time with a segment, by segment id.

    Segments that share none are left out.
    """
    found: defaultdict[str, set[tuple[int, int]]] = defaultdict(set)
    video_id, running = "", list[Segment]()
    for segment in sorted([*annotations.train, *annotations.validation], key=order_in_time):
        # In order of their starts, a segment overlaps just those before it that have not stopped yet.
        running = [other for other in running if other.stop_s > segment.start_s] if segment.video_id == video_id else []
        video_id = segment.video_id
        for other in running:
            found[segment.segment_id].add((other.verb_id, other.noun_id))
            found[other.segment_id].add((segment.verb_id, segment.noun_id))
        running.append(segment)
    return {segment_id: frozenset(actions) for segment_id, actions in found.items()}
