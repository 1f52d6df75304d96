"""Cosine similarities that do not depend on how they are computed.

Float sums change in their last bits with the order of summation, and so with the number of threads, the block
size and the BLAS library. Here, rows are put on a grid of 2^-24 first: products and sums of such numbers are exact
in float64 as long as rows have unit length, so every order gives the same result. It is then rounded to four
decimals, which also hides most of what models themselves compute differently from machine to machine.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from llavaction.text.encoders.base import Embeddings, TextEncoder
from llavaction.utils.errors import DataError

DECIMALS = 4
"""Decimals of every similarity in this package."""

_STEPS = 2.0**24
_PAIRS_AT_ONCE = 2048

Float64s = npt.NDArray[np.float64]
Float32s = npt.NDArray[np.float32]


def cosines(queries: Embeddings, keys: Embeddings) -> Float32s:
    """Rounded cosine of each row of `queries` [N, D] with each of `keys` [M, D]: [N, M].

    Raises:
        DataError: when rows are not of unit length or the widths differ.
    """
    check_unit_rows(queries, keys)
    similarities: Float32s = (rounded_ticks(on_grid(queries), on_grid(keys)) / 10**DECIMALS).astype(np.float32)
    return similarities


def pair_similarity(encoder: TextEncoder, pairs: Sequence[tuple[str, str]]) -> Float32s:
    """Rounded cosine of the two texts of each pair: [M]. Every distinct text is encoded once."""
    row_of = {text: row for row, text in enumerate(dict.fromkeys(text for pair in pairs for text in pair))}
    embeddings = encoder.encode(list(row_of))
    check_unit_rows(embeddings)
    rows = np.array([[row_of[first], row_of[second]] for first, second in pairs], dtype=np.int64).reshape(-1, 2)
    result = np.empty(len(rows), dtype=np.float32)
    for start in range(0, len(rows), _PAIRS_AT_ONCE):
        first, second = rows[start : start + _PAIRS_AT_ONCE].T
        dots = np.einsum("nd,nd->n", on_grid(embeddings[first]), on_grid(embeddings[second]))
        result[start : start + _PAIRS_AT_ONCE] = np.rint(dots / _STEPS**2 * 10**DECIMALS) / 10**DECIMALS
    return result


def on_grid(embeddings: Embeddings) -> Float64s:
    """Rows as whole numbers of grid steps, in float64."""
    grid = embeddings.astype(np.float64)
    grid *= _STEPS
    np.rint(grid, out=grid)
    return grid


def rounded_ticks(queries: Float64s, keys: Float64s) -> Float64s:
    """Cosines of rows `on_grid` as whole numbers of 10^-4: [N, M]."""
    ticks: Float64s = np.rint(queries @ keys.T / _STEPS**2 * 10**DECIMALS)
    return ticks


def check_unit_rows(*tables: Embeddings) -> None:
    """Make sure that tables of embeddings fit each other and the sums above stay exact.

    Raises:
        DataError: naming the row and its length, or the widths.
    """
    widths = {table.shape[1] for table in tables}
    if len(widths) != 1:
        raise DataError(f"embeddings have widths {sorted(widths)}; encode all texts with one encoder")
    for table in tables:
        lengths = np.sqrt(np.einsum("nd,nd->n", table, table))
        wrong = np.flatnonzero(~(np.abs(lengths - 1) < 1e-3))
        if wrong.size:
            raise DataError(f"row {wrong[0]} of the embeddings has length {lengths[wrong[0]]:.4f}, not 1")
