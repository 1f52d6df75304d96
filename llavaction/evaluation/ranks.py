"""Where the truth stands in a model's order of verbs, nouns and actions. No torch.

N segments, V verbs, C nouns. Ranks count from 0; `NOT_RANKED` is beyond every K. Equal scores stand in the order of
class ids; equal actions in that of the verb's id, then the noun's.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np

from llavaction.annotations.segments import SegmentTable
from llavaction.annotations.vocabulary import Vocabulary
from llavaction.evaluation.class_scores import ClassScores
from llavaction.specialists.agreement import NOT_RANKED, truth_ranks
from llavaction.specialists.class_ids import verbs_and_nouns
from llavaction.specialists.predictions import TopKPredictions
from llavaction.specialists.ranking import best_columns
from llavaction.specialists.readers.challenge import CLASSES_PAIRED
from llavaction.utils.errors import DataError

LARGEST_K = 5
"""EK100 reports top-1 and top-5."""
_ROWS_AT_ONCE = 256


@dataclass(frozen=True)
class TruthRanks:
    """Rank of each segment's true verb, noun and action, int `[N]` each, in the order of a table."""

    source: str
    verb: np.ndarray
    noun: np.ndarray
    action: np.ndarray


def ranks_of_scores(scores: ClassScores, table: SegmentTable, vocabulary: Vocabulary) -> TruthRanks:
    """Ranks as EK100's evaluation has them, with actions from verbs and nouns, see `pair_ranks`.

    Raises:
        DataError: when the scores are not for exactly the segments of `table` and the classes of `vocabulary`.
    """
    scores = scores.of_table(table, vocabulary)
    verb_ids, noun_ids = _true_classes(table)
    return TruthRanks(
        source=scores.source,
        verb=class_ranks(scores.verb, verb_ids),
        noun=class_ranks(scores.noun, noun_ids),
        action=pair_ranks(scores.verb, scores.noun, verb_ids, noun_ids),
    )


def ranks_of_predictions(predictions: TopKPredictions, table: SegmentTable, vocabulary: Vocabulary) -> TruthRanks:
    """Ranks in a list of actions, where verbs and nouns stand in the order of their first actions.

    A list of K actions may hold fewer than K verbs; a true verb or noun that it lacks is not ranked.

    Raises:
        DataError: when the predictions are not for exactly the segments of `table`, or have too few actions to tell
            the first five.
    """
    predictions.check_covers(table)
    if predictions.top_k < min(LARGEST_K, vocabulary.num_actions):
        raise DataError(
            f"{predictions.source}: ranks {predictions.top_k} actions of each segment; top-{LARGEST_K} accuracy needs "
            f"{LARGEST_K}"
        )
    predictions = predictions.in_order_of(table)
    ranks = [
        _first_appearance(of_action[predictions.action_ids], truth)
        for of_action, truth in zip(verbs_and_nouns(vocabulary), _true_classes(table))
    ]
    return TruthRanks(predictions.source, ranks[0], ranks[1], truth_ranks(predictions, table, vocabulary))


def with_own_actions(ranks: TruthRanks, actions: Mapping[str, Mapping[str, float]], table: SegmentTable) -> TruthRanks:
    """The same ranks with those of actions from a model's own scores of ``"verb,noun"`` pairs, by segment id.

    Raises:
        DataError: when a segment of `table` has none.
    """
    action = []
    for segment in table:
        if segment.segment_id not in actions:
            raise DataError(f"{ranks.source}: no action scores for segment {segment.segment_id!r}")
        scores, pair = actions[segment.segment_id], (segment.verb_id, segment.noun_id)
        own = scores.get(f"{pair[0]},{pair[1]}")
        if own is None:
            action.append(NOT_RANKED)
            continue
        tied = (key for key, score in scores.items() if score == own)
        num_before = sum(tuple(map(int, key.split(","))) < pair for key in tied)
        action.append(sum(score > own for score in scores.values()) + num_before)
    return replace(ranks, action=np.array(action, np.int32))


def class_ranks(scores: np.ndarray, truth: np.ndarray) -> np.ndarray:
    """Rank of column `truth` `[N]` by falling scores `[N, C]`."""
    own = np.take_along_axis(scores, truth[:, None], axis=1)
    tied_before = (scores == own) & (np.arange(scores.shape[1]) < truth[:, None])
    return (scores > own).sum(axis=1) + tied_before.sum(axis=1)


def pair_ranks(
    verb_scores: np.ndarray, noun_scores: np.ndarray, verb_ids: np.ndarray, noun_ids: np.ndarray
) -> np.ndarray:
    """Rank of the true (verb, noun) pair among those of the 100 best verbs `[N, V]` and the 100 best nouns `[N, C]`.

    EK100 ranks pairs by the product of the softmax of both; its public code takes the softmax over all segments at
    once. The logarithm of either product is the sum of the two scores less a constant of the segment, so the sum gives
    the same order, without the equal zeros that tiny probabilities become.
    """
    ranks = np.empty(len(verb_ids), np.int64)
    for start in range(0, len(verb_ids), _ROWS_AT_ONCE):
        rows = slice(start, start + _ROWS_AT_ONCE)
        verbs, verb_place, verb_kept = _best(verb_scores[rows], verb_ids[rows])
        nouns, noun_place, noun_kept = _best(noun_scores[rows], noun_ids[rows])
        sums = verbs[:, :, None] + nouns[:, None, :]
        place = verb_place * nouns.shape[1] + noun_place
        found = class_ranks(sums.reshape(len(sums), -1), place)
        ranks[rows] = np.where(verb_kept & noun_kept, found, NOT_RANKED)
    return ranks


def _best(scores: np.ndarray, truth: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """The best scores in the order of class ids, the place of the truth among them, and whether it is there."""
    kept = np.sort(best_columns(scores, min(CLASSES_PAIRED, scores.shape[1])), axis=1)
    matches = kept == truth[:, None]
    return np.take_along_axis(scores, kept, axis=1).astype(np.float64), matches.argmax(axis=1), matches.any(axis=1)


def _first_appearance(ranked: np.ndarray, truth: np.ndarray) -> np.ndarray:
    """How many different classes stand before the true one in each row of `ranked` `[N, K]`."""
    matches = ranked == truth[:, None]
    found = matches.any(axis=1)
    before = (len(set(row[:place].tolist())) for row, place in zip(ranked, matches.argmax(axis=1)))
    return np.array([num if there else NOT_RANKED for num, there in zip(before, found)], np.int64)


def _true_classes(table: SegmentTable) -> tuple[np.ndarray, np.ndarray]:
    pairs = np.array([(segment.verb_id, segment.noun_id) for segment in table])
    return pairs[:, 0], pairs[:, 1]
