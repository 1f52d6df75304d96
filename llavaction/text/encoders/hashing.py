"""Embeddings from hashed words and letter groups: no model, no torch, the same numbers on every machine.

Texts are alike here when they share words or parts of words ("wash cup", "washing cups"); of meaning it knows
nothing. Each word counts `_WORD_WEIGHT` and each group of three letters (word ends marked) counts one, in a bin
that BLAKE2b chooses. Counts are whole numbers, and their length and the division by it are single correctly
rounded operations, so the rows are the same bits on every platform and Python version.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence

import numpy as np

from llavaction.text.encoders.base import Embeddings
from llavaction.text.matching import normalise

_NUM_BINS = 1024
_GROUP_LETTERS = 3
_WORD_WEIGHT = 2


class HashingEncoder:
    """Bag of words and letter groups."""

    name = "hashing"

    def __init__(self) -> None:
        # Few letter groups make up many texts.
        self._bins: dict[str, int] = {}

    def encode(self, texts: Sequence[str]) -> Embeddings:
        rows = np.zeros((len(texts), _NUM_BINS), dtype=np.float32)
        for row, text in zip(rows, texts):
            counts = np.zeros(_NUM_BINS, dtype=np.int64)
            for feature, weight in _features(text):
                counts[self._bin(feature)] += weight
            row[:] = counts / np.sqrt(np.float64((counts * counts).sum()))
        return rows

    def _bin(self, feature: str) -> int:
        if feature not in self._bins:
            digest = hashlib.blake2b(feature.encode(), digest_size=8).digest()
            self._bins[feature] = int.from_bytes(digest, "big") % _NUM_BINS
        return self._bins[feature]


def _features(text: str) -> Iterator[tuple[str, int]]:
    """The features of a text with their weights; a text without words has one of its own."""
    words = normalise(text).split()
    if not words:
        yield f"no words: {text}", 1
    for word in words:
        yield f"word {word}", _WORD_WEIGHT
        marked = f"<{word}>"
        for start in range(max(1, len(marked) - _GROUP_LETTERS + 1)):
            yield marked[start : start + _GROUP_LETTERS], 1
