"""Scores of verbs and nouns, given or summed over actions."""

from __future__ import annotations

import math

import numpy as np
import pytest

from llavaction.evaluation.class_scores import NEVER, ClassScores, marginal_scores
from llavaction.specialists.predictions import TopKPredictions
from llavaction.utils.errors import DataError
from tests.evaluation.scores import VOCABULARY


def test_probabilities_of_actions_are_summed() -> None:
    probabilities = {"0:0": 0.4, "1:0": 0.3, "1:3": 0.25, "2:2": 0.05}
    ids = np.array([[VOCABULARY.action_id_of_key(key) for key in probabilities]], np.int32)
    # Logits: a constant more than the logarithm of the probability.
    logits = np.log([list(probabilities.values())]).astype(np.float32) + 3
    found = marginal_scores(TopKPredictions("head", ("a",), ids, logits), VOCABULARY)

    verb, noun = np.exp(found.verb[0]), np.exp(found.noun[0])
    assert verb / verb.sum() == pytest.approx([0.4, 0.55, 0.05])
    assert noun / noun.sum() == pytest.approx([0.7, 0, 0.05, 0.25])
    assert found.noun[0, 1] == NEVER


def test_ranks_alone_have_no_probabilities() -> None:
    ranked = TopKPredictions("tim", ("a",), np.array([[0, 1]], np.int32), np.full((1, 2), np.nan, np.float32))

    with pytest.raises(DataError, match="tim: segment 'a' has a score that is NaN"):
        marginal_scores(ranked, VOCABULARY)


@pytest.mark.parametrize(
    ("segment_ids", "verb", "problem"),
    [
        (("a", "a"), np.zeros((2, 3)), "a segment stands in it more than once"),
        (("a", "b"), np.zeros((3, 3)), r"'verb' has shape \(3, 3\), expected \(2, 3\)"),
        (("a", "b"), np.full((2, 3), math.inf), "segment 'a' has a score that is NaN or infinite"),
        (("a", "b"), np.array([["x"] * 3] * 2), "'verb' is an array of <U1; expected an array of numbers"),
    ],
)
def test_defects(segment_ids: tuple[str, ...], verb: np.ndarray, problem: str) -> None:
    with pytest.raises(DataError, match=f"model: {problem}"):
        ClassScores("model", segment_ids, verb, np.zeros((2, 4)))
