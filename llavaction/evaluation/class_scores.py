"""Scores of all verbs and all nouns: what EK100's evaluation of recognition starts from. No torch."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from llavaction.annotations.segments import SegmentTable
from llavaction.annotations.vocabulary import Vocabulary
from llavaction.specialists.class_ids import verbs_and_nouns
from llavaction.specialists.predictions import TopKPredictions, check_covers
from llavaction.specialists.ranking import check_finite, check_shape
from llavaction.utils.errors import DataError

NEVER = -1e4
"""Log-probability of a class that no ranked action has: e to this power is 0 in every float."""


@dataclass(frozen=True)
class ClassScores:
    """Scores of each segment's verb and noun, higher is better; softmax makes probabilities of them.

    Attributes:
        source: the file or model they come from, for messages.
        segment_ids: N ids.
        verb, noun: numbers `[N, 97]` and `[N, 300]` (in EK100); the column is the class id.

    Raises:
        DataError: when shapes disagree, a segment stands twice, or a score is not finite.
    """

    source: str
    segment_ids: tuple[str, ...]
    verb: np.ndarray
    noun: np.ndarray

    def __post_init__(self) -> None:
        for name, scores in (("verb", self.verb), ("noun", self.noun)):
            check_shape(self.source, name, scores, len(self.segment_ids), scores.shape[-1])
            check_finite(self.source, self.segment_ids, scores)
        if len(set(self.segment_ids)) != len(self.segment_ids):
            raise DataError(f"{self.source}: a segment stands in it more than once")

    def of_table(self, table: SegmentTable, vocabulary: Vocabulary) -> ClassScores:
        """The same scores, row by row those of `table`.

        Raises:
            DataError: when they are not for exactly its segments, or for other numbers of classes.
        """
        row_by_id = {segment_id: row for row, segment_id in enumerate(self.segment_ids)}
        check_covers(self.source, row_by_id, table)
        for name, scores, classes in (("verb", self.verb, vocabulary.verbs), ("noun", self.noun, vocabulary.nouns)):
            check_shape(self.source, name, scores, len(table), len(classes))
        segment_ids = tuple(segment.segment_id for segment in table)
        rows = [row_by_id[segment_id] for segment_id in segment_ids]
        return replace(self, segment_ids=segment_ids, verb=self.verb[rows], noun=self.noun[rows])


def marginal_scores(predictions: TopKPredictions, vocabulary: Vocabulary) -> ClassScores:
    """Log-probabilities of verbs and nouns from those of actions: p(verb) is the sum over its ranked actions.

    Args:
        predictions: whose scores are log-probabilities, or logits: a constant of a segment changes nothing.

    Raises:
        DataError: when the predictions have no scores.
    """
    check_finite(predictions.source, predictions.segment_ids, predictions.scores)
    verb_ids, noun_ids = verbs_and_nouns(vocabulary)
    rows = np.arange(len(predictions.segment_ids))[:, None]
    summed = []
    for ids, classes in ((verb_ids, vocabulary.verbs), (noun_ids, vocabulary.nouns)):
        scores = np.full((len(rows), len(classes)), -np.inf)
        np.logaddexp.at(scores, (rows, ids[predictions.action_ids]), predictions.scores.astype(np.float64))
        best = scores.max(axis=1, keepdims=True)
        summed.append(np.maximum(scores - best, NEVER))
    return ClassScores(predictions.source, predictions.segment_ids, summed[0], summed[1])
