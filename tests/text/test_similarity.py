from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from llavaction.text.encoders import EncoderConfig, make_encoder
from llavaction.text.encoders.base import Embeddings
from llavaction.text.encoders.hashing import HashingEncoder
from llavaction.text.similarity import cosines, pair_similarity
from llavaction.utils.errors import DataError
from tests.properties import reproducible


def unit_rows(num_rows: int, width: int, seed: int) -> Embeddings:
    rows = np.random.default_rng(seed).normal(size=(num_rows, width))
    unit: Embeddings = (rows / np.linalg.norm(rows, axis=1, keepdims=True)).astype(np.float32)
    return unit


class CountingEncoder:
    """Remembers what it was asked."""

    name = "counting"

    def __init__(self) -> None:
        self.asked: list[str] = []

    def encode(self, texts: Sequence[str]) -> Embeddings:
        self.asked += texts
        return HashingEncoder().encode(texts)


def test_cosines_are_rounded_and_near_the_true_ones() -> None:
    queries, keys = unit_rows(20, 50, seed=1), unit_rows(30, 50, seed=2)
    found = cosines(queries, keys)
    assert found.dtype == np.float32
    assert found.shape == (20, 30)
    np.testing.assert_allclose(found, queries.astype(np.float64) @ keys.T.astype(np.float64), atol=0.51e-4)
    np.testing.assert_array_equal(found, np.round(found.astype(np.float64), 4).astype(np.float32))
    np.testing.assert_array_equal(cosines(keys, keys).diagonal(), 1)


def test_the_order_of_summation_changes_nothing() -> None:
    # Many rows: plain float32 sums would round differently for about one pair in a thousand.
    rows = unit_rows(400, 384, seed=3)
    shuffle = np.random.default_rng(4).permutation(384)
    np.testing.assert_array_equal(cosines(rows, rows), cosines(rows[:, shuffle], rows[:, shuffle]))
    np.testing.assert_array_equal(cosines(rows, rows), cosines(rows, rows).T)
    alone = np.stack([cosines(rows[idx : idx + 1], rows)[0] for idx in range(len(rows))])
    np.testing.assert_array_equal(cosines(rows, rows), alone)


def test_pairs_have_the_cosines_of_the_matrix_and_each_text_is_encoded_once() -> None:
    texts = ["wash cup", "wash cups", "open drawer", "take cup"]
    pairs = [(first, second) for first in texts for second in texts] * 300
    encoder = CountingEncoder()
    found = pair_similarity(encoder, pairs)
    assert sorted(encoder.asked) == sorted(texts)
    rows = HashingEncoder().encode(texts)
    np.testing.assert_array_equal(found.reshape(300, 4, 4), np.broadcast_to(cosines(rows, rows), (300, 4, 4)))
    assert found.dtype == np.float32


def test_no_pairs() -> None:
    assert pair_similarity(make_encoder(EncoderConfig()), []).shape == (0,)


@reproducible
@given(st.lists(st.tuples(st.text(max_size=12), st.text(max_size=12)), min_size=1, max_size=8))
def test_similarity_is_symmetric_and_at_most_one(pairs: list[tuple[str, str]]) -> None:
    encoder = make_encoder(EncoderConfig())
    found = pair_similarity(encoder, pairs)
    np.testing.assert_array_equal(found, pair_similarity(encoder, [(second, first) for first, second in pairs]))
    assert ((found >= 0) & (found <= 1)).all()
    assert (pair_similarity(encoder, [(first, first) for first, _ in pairs]) == 1).all()


def test_rows_must_have_unit_length() -> None:
    rows = unit_rows(3, 8, seed=5)
    with pytest.raises(DataError, match=r"row 1 of the embeddings has length 2\.0000"):
        cosines(rows, rows * np.array([[1], [2], [1]], dtype=np.float32))
    with pytest.raises(DataError, match="row 0 of the embeddings has length nan"):
        cosines(np.full((1, 8), np.nan, dtype=np.float32), rows)


def test_widths_must_agree() -> None:
    with pytest.raises(DataError, match=r"widths \[4, 8\]"):
        cosines(unit_rows(2, 8, seed=6), unit_rows(2, 4, seed=6))
