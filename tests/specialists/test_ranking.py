"""The best of many scores."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from llavaction.specialists import ranking
from llavaction.specialists.ranking import best_columns, rank_scores
from llavaction.utils.errors import DataError
from llavaction.utils.seeding import rng_for
from tests.properties import reproducible
from tests.specialists.files import ranked


@reproducible
@given(
    values=st.lists(st.sampled_from([-2.0, -0.0, 0.0, 0.5, 3.0]), min_size=24, max_size=24),
    top_k=st.integers(1, 8),
    dtype=st.sampled_from([np.float16, np.float32, np.float64, np.int64]),
)
def test_ties_go_to_the_smaller_action(values: list[float], top_k: int, dtype: type) -> None:
    scores = np.array(values, dtype).reshape(3, 8)

    assert best_columns(scores, top_k).tolist() == ranked(scores)[:, :top_k].tolist()


@pytest.mark.parametrize("dtype", [">f4", "f2", "i4", "f8"])
def test_blocks_of_rows_make_no_difference(dtype: str, monkeypatch: pytest.MonkeyPatch) -> None:
    scores = rng_for(0, "scores").integers(-50, 50, (20, 120)).astype(dtype)
    ids = [f"s{row}" for row in range(20)]
    monkeypatch.setattr(ranking, "_ROWS_AT_ONCE", 7)

    found = rank_scores("x.pkl", ids, scores, 120)

    assert found.segment_ids == tuple(ids)
    assert found.action_ids.tolist() == ranked(scores)[:, :100].tolist()
    np.testing.assert_array_equal(found.scores, -np.sort(-scores.astype(np.float32), axis=1)[:, :100])


def test_equal_scores_in_single_precision_are_ordered_by_the_double() -> None:
    assert rank_scores("x", ["a"], np.array([[1.0, 1.0 + 1e-12]]), 2).action_ids.tolist() == [[1, 0]]


def test_a_score_that_is_no_number_is_named_in_whatever_block(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ranking, "_ROWS_AT_ONCE", 2)
    scores = np.zeros((5, 3))
    scores[3, 1] = np.nan

    with pytest.raises(DataError, match=r"x\.pkl: segment 'd' has a score that is NaN or infinite"):
        rank_scores("x.pkl", list("abcde"), scores, 3)
