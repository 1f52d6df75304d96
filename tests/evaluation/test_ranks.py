"""Ranks of the truth against slow and hand-made ones."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from llavaction.evaluation.ranks import (
    TruthRanks,
    class_ranks,
    pair_ranks,
    ranks_of_predictions,
    ranks_of_scores,
    with_own_actions,
)
from llavaction.specialists.agreement import NOT_RANKED
from llavaction.specialists.predictions import TopKPredictions
from llavaction.utils.errors import DataError
from tests.evaluation.scores import VOCABULARY, scores_of, table_of
from tests.properties import reproducible

TABLE = table_of(("P01_01", 0, 1), ("P01_01", 2, 3))


def softmax(scores: list[float]) -> list[float]:
    weights = [math.exp(score) for score in scores]
    return [weight / sum(weights) for weight in weights]


@reproducible
@given(st.permutations(range(6)), st.permutations(range(5)), st.integers(0, 5), st.integers(0, 4))
def test_pairs_stand_by_the_product_of_probabilities(verbs: list[int], nouns: list[int], verb: int, noun: int) -> None:
    # No two sums are equal, so that rounding decides nothing.
    verb_scores, noun_scores = [v / 4 for v in verbs], [n * 6 / 4 for n in nouns]
    pairs = {(v, n): p * q for v, p in enumerate(softmax(verb_scores)) for n, q in enumerate(softmax(noun_scores))}
    expected = sorted(pairs, key=lambda pair: -pairs[pair]).index((verb, noun))

    found = pair_ranks(np.array([verb_scores]), np.array([noun_scores]), np.array([verb]), np.array([noun]))
    assert found.tolist() == [expected]


def test_equal_scores_stand_in_the_order_of_ids() -> None:
    scores = np.array([[1.0, 1.0, 2.0, 1.0]] * 4)

    assert class_ranks(scores, np.arange(4)).tolist() == [1, 2, 0, 3]
    verbs, nouns = np.zeros((6, 2)), np.zeros((6, 3))
    pairs = pair_ranks(verbs, nouns, np.array([0, 0, 0, 1, 1, 1]), np.array([0, 1, 2, 0, 1, 2]))
    assert pairs.tolist() == list(range(6))


def test_only_the_hundred_best_are_paired() -> None:
    rng = np.random.default_rng(0)
    verbs, nouns = rng.normal(size=(1, 97)), rng.permutation(300)[None, :] * 100.0
    order = np.argsort(-nouns[0])
    best_verb = int(verbs.argmax())

    def rank(noun: int) -> int:
        return int(pair_ranks(verbs, nouns, np.array([best_verb]), np.array([noun]))[0])

    # Nouns lie further apart than verbs: all 97 verbs of the best noun come first.
    assert [rank(order[0]), rank(order[1]), rank(order[99])] == [0, 97, 97 * 99]
    assert rank(order[100]) == NOT_RANKED


def test_tiny_probabilities_keep_their_order() -> None:
    # Their softmax over all segments, as in the public code, is zero twice.
    verbs, nouns = np.array([[5000.0, 0], [3.0, 4.0]]), np.array([[9000.0, 0], [0.0, 1.0]])

    assert pair_ranks(verbs, nouns, np.array([0, 1]), np.array([0, 1])).tolist() == [0, 0]


def test_blocks_of_rows_make_no_difference() -> None:
    rng = np.random.default_rng(0)
    verbs, nouns = rng.normal(size=(300, 5)), rng.normal(size=(300, 7))
    verb_ids, noun_ids = rng.integers(0, 5, 300), rng.integers(0, 7, 300)

    one_by_one = [
        pair_ranks(v[None], n[None], verb_ids[i : i + 1], noun_ids[i : i + 1])[0]
        for i, (v, n) in enumerate(zip(verbs, nouns, strict=True))
    ]
    assert pair_ranks(verbs, nouns, verb_ids, noun_ids).tolist() == one_by_one


def test_scores_in_another_order_of_segments() -> None:
    turned = table_of(("P01_01", 0, 1), ("P01_01", 2, 3))
    scores = scores_of(turned, [[0, 1, 2], [0, 1, 2]], [[0, 5, 1, 2], [3, 0, 0, 2]])
    found = ranks_of_scores(scores, TABLE, VOCABULARY)

    assert (found.verb.tolist(), found.noun.tolist()) == ([2, 0], [0, 1])
    # First: pairs 2:1 and 1:1 before 0:1. Second: 2:0 (5), 1:0 and 2:3 (4 each, 1:0 has the smaller verb).
    assert found.action.tolist() == [2, 2]


@pytest.mark.parametrize(
    ("verb", "noun", "problem"),
    [
        ([[0, 1]] * 2, [[0, 0, 0, 0]] * 2, r"model: 'verb' has shape \(2, 2\), expected \(2, 3\)"),
        ([[0, 1, 2]] * 2, [[0, 0, 0]] * 2, r"model: 'noun' has shape \(2, 3\), expected \(2, 4\)"),
    ],
)
def test_other_numbers_of_classes_are_refused(verb: list[list[float]], noun: list[list[float]], problem: str) -> None:
    with pytest.raises(DataError, match=problem):
        ranks_of_scores(scores_of(TABLE, verb, noun), TABLE, VOCABULARY)


def test_other_segments_are_refused() -> None:
    others = table_of(("P01_01", 0, 1), ("P09_01", 2, 3))
    scores = scores_of(others, [[0, 1, 2]] * 2, [[0, 0, 0, 0]] * 2)

    with pytest.raises(DataError, match=r"model: 1 of the 2 segments of validation\.csv have no prediction and 1 "):
        ranks_of_scores(scores, TABLE, VOCABULARY)


def predictions_of(*rows: list[str]) -> TopKPredictions:
    ids = np.array([[VOCABULARY.action_id_of_key(key) for key in row] for row in rows], np.int32)
    return TopKPredictions("tim", ("P01_01_1", "P01_01_0"), ids, np.full(ids.shape, np.nan, np.float32))


def test_verbs_and_nouns_of_ranked_actions() -> None:
    ranked = predictions_of(["0:1", "0:2", "1:2", "2:0", "2:2"], ["1:0", "1:1", "2:0", "1:2", "0:2"])
    found = ranks_of_predictions(ranked, TABLE, VOCABULARY)

    # Segment 0 is 0:1: verbs 1, 2, 0 and nouns 0, 1, 2. Segment 1 is 2:3: verbs 0, 1, 2, and no noun 3.
    assert (found.verb.tolist(), found.noun.tolist()) == ([2, 2], [1, NOT_RANKED])
    assert found.action.tolist() == [NOT_RANKED, NOT_RANKED]
    assert found.source == "tim"


def test_too_few_actions_for_the_first_five() -> None:
    with pytest.raises(DataError, match="tim: ranks 4 actions of each segment; top-5 accuracy needs 5"):
        ranks_of_predictions(predictions_of(*[["0:0", "0:1", "0:2", "0:3"]] * 2), TABLE, VOCABULARY)


def test_own_scores_of_actions() -> None:
    ranks = TruthRanks("model", np.array([0, 0]), np.array([0, 0]), np.array([9, 9]))
    actions = {"P01_01_0": {"0,1": 1.0, "0,0": 1.0, "2,3": 5.0, "1,0": 1.0}, "P01_01_1": {"0,0": 1.0}}

    # 2,3 is better and 0,0 equal with a smaller noun; the second truth has no score.
    assert with_own_actions(ranks, actions, TABLE).action.tolist() == [2, NOT_RANKED]
    with pytest.raises(DataError, match="model: no action scores for segment 'P01_01_1'"):
        with_own_actions(ranks, {"P01_01_0": {}}, TABLE)
