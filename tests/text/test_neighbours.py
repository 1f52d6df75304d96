from __future__ import annotations

import tracemalloc

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from llavaction.text.encoders.hashing import HashingEncoder
from llavaction.text.neighbours import TextNeighbours, nearest
from llavaction.text.similarity import cosines
from llavaction.utils.errors import ConfigError, DataError
from tests.properties import reproducible
from tests.text.test_similarity import CountingEncoder, unit_rows

TEXTS = ["wash cup", "open drawer", "wash cups", "wash cup", "rinse cup", "open the drawer"]


def by_sorting(queries: np.ndarray, keys: np.ndarray, k: int) -> list[list[int]]:
    """The plain way: sort all keys of each query by falling cosine, then by id."""
    return [sorted(range(len(keys)), key=lambda key: (-row[key], key))[:k] for row in cosines(queries, keys)]


@reproducible
@given(
    num_queries=st.integers(1, 9),
    num_keys=st.integers(1, 9),
    width=st.sampled_from([1, 2, 5]),
    block=st.integers(1, 10),
    seed=st.integers(0, 99),
    data=st.data(),
)
def test_nearest_is_what_sorting_gives(
    num_queries: int, num_keys: int, width: int, block: int, seed: int, data: st.DataObject
) -> None:
    # Width 1 makes only cosines of 1 and -1: many ties.
    queries, keys = unit_rows(num_queries, width, seed), unit_rows(num_keys, width, seed + 100)
    k = data.draw(st.integers(1, num_keys))
    ids, similarities = nearest(queries, keys, k, block)
    assert ids.dtype == np.int32
    assert similarities.dtype == np.float32
    assert ids.tolist() == by_sorting(queries, keys, k)
    np.testing.assert_array_equal(
        similarities, np.take_along_axis(cosines(queries, keys), ids.astype(np.int64), axis=1)
    )


@reproducible
@given(st.permutations(range(12)))
def test_the_order_of_queries_changes_nothing(order: list[int]) -> None:
    queries, keys = unit_rows(12, 6, seed=1), unit_rows(40, 6, seed=2)
    ids, similarities = nearest(queries, keys, 7)
    other_ids, other_similarities = nearest(queries[order], keys, 7, block=5)
    np.testing.assert_array_equal(other_ids, ids[order])
    np.testing.assert_array_equal(other_similarities, similarities[order])


@pytest.mark.parametrize("k", [0, 4, -1])
def test_k_must_fit(k: int) -> None:
    rows = unit_rows(3, 4, seed=3)
    with pytest.raises(ConfigError, match=rf"the {k} nearest of 3 texts"):
        nearest(rows, rows, k)


def test_all_classes_of_ek100_fit_in_100_megabytes() -> None:
    rows = unit_rows(3806, 384, seed=4)
    tracemalloc.start()
    try:
        nearest(rows, rows, 21)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    # 36 MB when this was written; all similarities at once would take 116.
    assert peak < 60e6


@reproducible
@given(
    st.lists(st.sampled_from(["wash cup", "wash cups", "open drawer", "", "take"]), min_size=2, max_size=9), st.data()
)
def test_ranked_holds_all_others_and_never_itself(texts: list[str], data: st.DataObject) -> None:
    idx = data.draw(st.integers(0, len(texts) - 1))
    limit = data.draw(st.none() | st.integers(1, len(texts) - 1))
    ranked = TextNeighbours(HashingEncoder(), texts, limit).ranked(idx)
    rows = HashingEncoder().encode(texts)
    expected = [other for other in by_sorting(rows[idx : idx + 1], rows, len(texts))[0] if other != idx]
    assert ranked == expected[: limit or len(texts)]


def test_equal_texts_are_neighbours_by_index() -> None:
    neighbours = TextNeighbours(HashingEncoder(), TEXTS)
    assert neighbours.ranked(0)[:2] == [3, 2]
    assert neighbours.ranked(3)[:2] == [0, 2]
    assert neighbours.ranked(1)[0] == 5


def test_nothing_is_encoded_before_the_first_question_and_then_once() -> None:
    encoder = CountingEncoder()
    neighbours = TextNeighbours(encoder, TEXTS)
    assert encoder.asked == []
    assert neighbours.ranked(1) == neighbours.ranked(1)
    neighbours.ranked(2)
    assert encoder.asked == TEXTS


@pytest.mark.parametrize("idx", [-1, 6])
def test_an_unknown_text_is_an_error(idx: int) -> None:
    with pytest.raises(DataError, match=f"no text {idx} among 6"):
        TextNeighbours(HashingEncoder(), TEXTS).ranked(idx)


@pytest.mark.parametrize("limit", [0, 6])
def test_the_limit_must_fit(limit: int) -> None:
    with pytest.raises(ConfigError, match=f"limit={limit} neighbours of 6 texts: must be 1 to 5"):
        TextNeighbours(HashingEncoder(), TEXTS, limit)


def test_a_single_text_has_no_neighbours() -> None:
    assert TextNeighbours(HashingEncoder(), ["wash cup"]).ranked(0) == []
