"""How good specialists are, and how alike."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from llavaction.specialists.agreement import (
    NOT_RANKED,
    ClassDifficulty,
    difficulty,
    overfit_warning,
    recall_curve,
    top1_agreement,
    top5_overlap,
    truth_ranks,
)
from llavaction.specialists.predictions import TopKPredictions
from llavaction.utils.errors import ConfigError, DataError
from tests.properties import reproducible
from tests.specialists.test_predictions import VOCABULARY, predictions_of, table_of

TABLE = table_of(a="0:0", b="0:1", c="10:2", d="0:0")  # ranked 1st, 2nd, 3rd and not at all
PREDICTIONS = predictions_of({"d": [4, 3, 2], "a": [0, 1, 2], "b": [0, 1, 2], "c": [4, 3, 2]})


def test_ranks_of_the_truth() -> None:
    assert truth_ranks(PREDICTIONS, TABLE, VOCABULARY).tolist() == [0, 1, 2, NOT_RANKED]


def test_the_recall_curve_is_the_recall_at_each_k() -> None:
    curve = recall_curve(PREDICTIONS, TABLE, VOCABULARY, [1, 2, 3])

    assert curve == {1: 0.25, 2: 0.5, 3: 0.75}
    assert curve == {k: PREDICTIONS.recall_at(TABLE, VOCABULARY, k) for k in curve}


@pytest.mark.parametrize("k", [0, 4])
def test_recall_of_more_than_is_ranked_is_an_error(k: int) -> None:
    with pytest.raises(ConfigError, match=rf"avion\.parquet: recall@{k} of 3 ranked actions"):
        recall_curve(PREDICTIONS, TABLE, VOCABULARY, [1, k])


def test_difficulty_goes_by_the_true_verb_and_noun() -> None:
    found = difficulty(PREDICTIONS, TABLE, VOCABULARY)

    assert found.verbs == (ClassDifficulty(0, "class0", 3, 1 / 3, 2 / 3), ClassDifficulty(10, "class10", 1, 0, 1))
    assert found.nouns == (
        ClassDifficulty(0, "class0", 2, 0.5, 0.5),
        ClassDifficulty(1, "class1", 1, 0, 1),
        ClassDifficulty(2, "class2", 1, 0, 1),
    )


rankings = st.lists(st.permutations(range(8)), min_size=3, max_size=3)


@reproducible
@given(first=rankings, second=rankings)
def test_agreement_and_overlap_are_symmetric_means(first: list[list[int]], second: list[list[int]]) -> None:
    a = predictions_of(dict(zip("abc", first, strict=True)))
    b = predictions_of(dict(zip("abc", second, strict=True)))
    # The same rows in another order.
    b = TopKPredictions("tim", b.segment_ids[::-1], b.action_ids[::-1], b.scores[::-1])

    assert top1_agreement(a, b) == pytest.approx(np.mean([x[0] == y[0] for x, y in zip(first, second, strict=True)]))
    shared = [len(set(x[:5]) & set(y[:5])) / 5 for x, y in zip(first, second, strict=True)]
    assert top5_overlap(a, b) == pytest.approx(np.mean(shared))
    assert (top1_agreement(b, a), top5_overlap(b, a)) == (top1_agreement(a, b), top5_overlap(a, b))
    assert (top1_agreement(a, a), top5_overlap(b, b)) == (1, 1)


def test_other_segments_are_not_compared() -> None:
    a, b = predictions_of({"a": [0], "b": [1]}), predictions_of({"a": [0], "c": [1]})

    with pytest.raises(DataError, match=r"2 segments stand in only one of them \(such as b\); compare predictions"):
        top1_agreement(a, b)


def test_the_overlap_needs_five_actions() -> None:
    a, b = predictions_of({"a": [0, 1, 2, 3, 4]}), predictions_of({"a": [0, 1, 2, 3]})

    with pytest.raises(DataError, match="ranks 4 actions; the overlap is of 5"):
        top5_overlap(a, b)


@pytest.mark.parametrize(("num_wrong", "warns"), [(0, True), (9, True), (10, False), (60, False)])
def test_too_many_right_answers_on_training_rows_are_told(num_wrong: int, warns: bool) -> None:
    ids = [f"s{number}" for number in range(100)]
    predictions = predictions_of({name: [int(number < num_wrong)] for number, name in enumerate(ids)})

    text = overfit_warning(predictions, table_of(**dict.fromkeys(ids, "0:0")), VOCABULARY)

    assert (text is not None) == warns
    if text is not None:
        assert text.startswith(f"avion.parquet: {100 - num_wrong:.1f}% of the first actions are right")
        assert "data_prep/make_folds.py" in text
