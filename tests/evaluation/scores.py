"""A table of segments and scores that favour chosen classes."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from llavaction.annotations.segments import SegmentTable
from llavaction.annotations.vocabulary import ClassName, Vocabulary
from llavaction.evaluation.class_scores import ClassScores
from tests.annotations.test_segments import SEGMENT

VERBS = tuple(ClassName(number, f"verb{number}", (), "") for number in range(3))
NOUNS = tuple(ClassName(number, f"noun{number}", (), "") for number in range(4))
VOCABULARY = Vocabulary(VERBS, NOUNS, tuple(sorted(f"{verb}:{noun}" for verb in range(3) for noun in range(4))))


def table_of(*rows: tuple[str, int, int]) -> SegmentTable:
    """Segments of some videos, each with its verb and noun; the participant is the video id's first part."""
    return SegmentTable(
        "validation.csv",
        tuple(
            replace(
                SEGMENT,
                segment_id=f"{video_id}_{number}",
                video_id=video_id,
                participant_id=video_id.partition("_")[0],
                verb_id=verb_id,
                noun_id=noun_id,
            )
            for number, (video_id, verb_id, noun_id) in enumerate(rows)
        ),
    )


def scores_of(table: SegmentTable, verb: list[list[float]], noun: list[list[float]]) -> ClassScores:
    """Scores of the segments of `table`."""
    segment_ids = tuple(segment.segment_id for segment in table)
    return ClassScores("model", segment_ids, np.array(verb, float), np.array(noun, float))
