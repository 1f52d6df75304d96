"""How good specialists are, and how alike: recall, agreement, overlap, and what they find hard.

Reported for AVION and TIM on EK100's validation split: the same first action in 65 % of the segments, and 45 % of the
first five actions in common (LLaVAction, arXiv 2503.18712).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from llavaction.annotations.segments import SegmentTable
from llavaction.annotations.vocabulary import ClassName, Vocabulary
from llavaction.specialists.class_ids import true_action_ids
from llavaction.specialists.predictions import TopKPredictions
from llavaction.utils.errors import ConfigError, DataError

OVERLAP_K = 5
"""First actions that are compared between specialists and count as found in a class's recall."""

NOT_RANKED = np.iinfo(np.int32).max
"""Rank of an action that is not ranked, beyond every K."""

_TRAINED_ON_IT = 0.9


@dataclass(frozen=True)
class ClassDifficulty:
    """How well the actions of one verb or noun are found.

    Attributes:
        top1: share of the segments with this class whose true action is ranked first.
        recall_at_5: share whose true action is among the first five, or among all where fewer are ranked.
    """

    class_id: int
    name: str
    num_segments: int
    top1: float
    recall_at_5: float


@dataclass(frozen=True)
class Difficulty:
    """The classes that occur in a split, by id."""

    verbs: tuple[ClassDifficulty, ...]
    nouns: tuple[ClassDifficulty, ...]


def truth_ranks(predictions: TopKPredictions, table: SegmentTable, vocabulary: Vocabulary) -> np.ndarray:
    """Rank of the true action of each segment of `table` from 0, `[N]`; `NOT_RANKED` where it has none.

    Raises:
        DataError: when a segment has no prediction.
    """
    ranked = predictions.in_order_of(table).action_ids
    found = ranked == true_action_ids(table, vocabulary)[:, None]
    return np.where(found.any(axis=1), found.argmax(axis=1), NOT_RANKED)


def recall_curve(
    predictions: TopKPredictions, table: SegmentTable, vocabulary: Vocabulary, ks: Sequence[int]
) -> dict[int, float]:
    """Share of the segments whose true action is among the first k, for each k.

    Raises:
        ConfigError: when a k is below 1, or above the number of actions that are ranked.
    """
    odd = [k for k in ks if not 1 <= k <= predictions.top_k]
    if odd:
        raise ConfigError(f"{predictions.source}: recall@{odd[0]} of {predictions.top_k} ranked actions")
    ranks = truth_ranks(predictions, table, vocabulary)
    return {k: float((ranks < k).mean()) for k in ks}


def top1_agreement(a: TopKPredictions, b: TopKPredictions) -> float:
    """Share of the segments for which both rank the same action first.

    Raises:
        DataError: when they are not for the same segments.
    """
    return float((a.action_ids[:, 0] == _rows_like(a, b)[:, 0]).mean())


def top5_overlap(a: TopKPredictions, b: TopKPredictions) -> float:
    """Share of the first five actions that both have, in whatever order, as a mean over the segments.

    Raises:
        DataError: when they are not for the same segments, or rank fewer than five actions.
    """
    for predictions in (a, b):
        if predictions.top_k < OVERLAP_K:
            raise DataError(f"{predictions.source}: ranks {predictions.top_k} actions; the overlap is of {OVERLAP_K}")
    ours, theirs = a.action_ids[:, :OVERLAP_K], _rows_like(a, b)[:, :OVERLAP_K]
    return float((ours[:, :, None] == theirs[:, None, :]).any(axis=2).mean())


def difficulty(predictions: TopKPredictions, table: SegmentTable, vocabulary: Vocabulary) -> Difficulty:
    """How well the actions of each verb and of each noun are found."""
    ranks = truth_ranks(predictions, table, vocabulary)
    return Difficulty(
        verbs=_by_class(ranks, np.array([segment.verb_id for segment in table]), vocabulary.verbs),
        nouns=_by_class(ranks, np.array([segment.noun_id for segment in table]), vocabulary.nouns),
    )


def overfit_warning(predictions: TopKPredictions, table: SegmentTable, vocabulary: Vocabulary) -> str | None:
    """A text when training predictions are so good that the model must have seen the answers; None otherwise."""
    top1 = recall_curve(predictions, table, vocabulary, [1])[1]
    if top1 <= _TRAINED_ON_IT:
        return None
    return (
        f"{predictions.source}: {top1:.1%} of the first actions are right, which looks as if the specialist had "
        "trained on these rows; it makes too few mistakes on them to give hard distractors. Use cross-validation "
        "folds: data_prep/make_folds.py"
    )


def _rows_like(a: TopKPredictions, b: TopKPredictions) -> np.ndarray:
    """Actions of `b`, row by row those of `a`'s segments."""
    if a.segment_ids == b.segment_ids:
        return b.action_ids
    row_by_id = {segment_id: row for row, segment_id in enumerate(b.segment_ids)}
    strangers = row_by_id.keys() ^ set(a.segment_ids)
    if strangers:
        raise DataError(
            f"{a.source} and {b.source}: {len(strangers)} segments stand in only one of them (such as "
            f"{min(strangers)}); compare predictions for the same split"
        )
    rows: np.ndarray = b.action_ids[[row_by_id[segment_id] for segment_id in a.segment_ids]]
    return rows


def _by_class(ranks: np.ndarray, class_ids: np.ndarray, names: Sequence[ClassName]) -> tuple[ClassDifficulty, ...]:
    counts = np.bincount(class_ids)
    first = np.bincount(class_ids, ranks < 1)
    early = np.bincount(class_ids, ranks < OVERLAP_K)
    return tuple(
        ClassDifficulty(
            class_id=class_id,
            name=names[class_id].key,
            num_segments=int(counts[class_id]),
            top1=float(first[class_id] / counts[class_id]),
            recall_at_5=float(early[class_id] / counts[class_id]),
        )
        for class_id in np.flatnonzero(counts).tolist()
    )
