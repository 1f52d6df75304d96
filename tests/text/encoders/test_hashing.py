from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from llavaction.text.encoders import EncoderConfig, make_encoder
from llavaction.text.encoders.hashing import HashingEncoder
from llavaction.text.similarity import pair_similarity
from tests.properties import reproducible


@reproducible
@given(
    st.lists(st.text(max_size=15), max_size=6).flatmap(lambda texts: st.tuples(st.just(texts), st.permutations(texts)))
)
def test_rows_have_unit_length_and_depend_on_their_text_alone(orders: tuple[list[str], list[str]]) -> None:
    texts, shuffled = orders
    rows = HashingEncoder().encode(texts)
    assert rows.dtype == np.float32
    np.testing.assert_allclose(np.linalg.norm(rows, axis=1), 1, atol=1e-6)
    alone = {text: HashingEncoder().encode([text])[0].tobytes() for text in texts}
    encoder = HashingEncoder()
    assert [row.tobytes() for row in encoder.encode(shuffled)] == [alone[text] for text in shuffled]


def test_no_texts() -> None:
    assert HashingEncoder().encode([]).shape == (0, 1024)


def test_pinned_values() -> None:
    # Equal on every platform and Python version: a change would make old manifests lie.
    row = HashingEncoder().encode(["a cup"])[0]
    # Words count 2 ("a", "cup"), letter groups 1 (<a>, <cu, cup, up>): the squares sum to 12.
    counts = {int(place): round(float(row[place]) ** 2 * 12) for place in np.flatnonzero(row)}
    assert counts == {650: 4, 644: 1, 320: 4, 934: 1, 681: 1, 330: 1}
    assert row[650] == np.float32(2 / np.sqrt(12))


def test_pinned_similarities() -> None:
    pairs = [("wash cup", "washing the cups"), ("put plate", "put down plate"), ("wash cup", "open drawer")]
    encoder = make_encoder(EncoderConfig())
    assert encoder.name == "hashing"
    np.testing.assert_array_equal(pair_similarity(encoder, pairs), np.array([0.2532, 0.8165, 0], dtype=np.float32))


def test_case_and_punctuation_do_not_count() -> None:
    first, second = HashingEncoder().encode(["Wash  cup.", "wash cup"])
    np.testing.assert_array_equal(first, second)
