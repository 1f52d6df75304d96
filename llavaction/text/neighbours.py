"""Which texts are most alike, without ever holding all similarities at once."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property

import numpy as np
import numpy.typing as npt

from llavaction.text.encoders.base import Embeddings, TextEncoder
from llavaction.text.similarity import DECIMALS, Float32s, Float64s, check_unit_rows, on_grid, rounded_ticks
from llavaction.utils.errors import ConfigError, DataError

_QUERIES_AT_ONCE = 256

Ids = npt.NDArray[np.int32]


def nearest(queries: Embeddings, keys: Embeddings, k: int, block: int = _QUERIES_AT_ONCE) -> tuple[Ids, Float32s]:
    """For each query the `k` most similar keys, most similar first; equal similarities by the smaller id.

    Args:
        queries: Unit rows [N, D].
        keys: Unit rows [M, D].
        k: How many, at most M.
        block: Queries compared at once; the result does not depend on it.

    Returns:
        Row numbers in `keys` [N, k] and their cosines [N, k], rounded to four decimals.

    Raises:
        ConfigError: when `k` is not in 1..M.
        DataError: when rows are not of unit length or the widths differ.
    """
    if not 1 <= k <= len(keys):
        raise ConfigError(f"the {k} nearest of {len(keys)} texts: must be 1 to {len(keys)}")
    check_unit_rows(queries, keys)
    grid_keys = on_grid(keys)
    ids = np.empty((len(queries), k), dtype=np.int32)
    similarities = np.empty((len(queries), k), dtype=np.float32)
    for start in range(0, len(queries), block):
        rows = slice(start, start + block)
        ids[rows], similarities[rows] = _best(rounded_ticks(on_grid(queries[rows]), grid_keys), k)
    return ids, similarities


class TextNeighbours:
    """A list of texts, each with the others ranked by similarity.

    Nothing is encoded before the first question; then all rankings are made at once (`num_texts` x `limit` x 4
    bytes), which is quicker than one by one.
    """

    def __init__(self, encoder: TextEncoder, texts: Sequence[str], limit: int | None = None) -> None:
        """Rank `texts`; `limit` keeps that many neighbours of each, None all.

        Raises:
            ConfigError: when `limit` is not in 1..number of other texts.
        """
        num_others = len(texts) - 1
        if limit is not None and not 1 <= limit <= num_others:
            raise ConfigError(f"limit={limit} neighbours of {len(texts)} texts: must be 1 to {num_others}")
        self._encoder = encoder
        self._texts = tuple(texts)
        self._limit = num_others if limit is None else limit

    def ranked(self, idx: int) -> list[int]:
        """Indices of the other texts, the most similar to text `idx` first; equal ones by the smaller index.

        Raises:
            DataError: when there is no such text.
        """
        if not 0 <= idx < len(self._texts):
            raise DataError(f"no text {idx} among {len(self._texts)}")
        # With itself among them there is one too many; where equal texts crowd it out, the last is.
        others: list[int] = [other for other in self._rankings[idx].tolist() if other != idx]
        return others[: self._limit]

    @cached_property
    def _rankings(self) -> Ids:
        embeddings = self._encoder.encode(self._texts)
        ids, _ = nearest(embeddings, embeddings, self._limit + 1)
        return ids


def _best(ticks: Float64s, k: int) -> tuple[Ids, Float32s]:
    """Column numbers and cosines of the `k` largest of each row [N, M] of whole 10^-4 steps."""
    num_keys = ticks.shape[1]
    # One whole number per key that sorts by similarity, then by id: no two are equal, so no sort can differ.
    places = ticks.astype(np.int64) * -num_keys + np.arange(num_keys)
    if k < num_keys:
        places = np.partition(places, k - 1, axis=1)[:, :k]
    places.sort(axis=1)
    ids = places % num_keys
    similarities = (ids - places) // num_keys / 10**DECIMALS
    return ids.astype(np.int32), similarities.astype(np.float32)
