"""The best actions of each segment from scores for all of them."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from llavaction.specialists.predictions import TopKPredictions
from llavaction.utils.errors import DataError

TOP_K = 100
"""Actions kept of each segment: twice the largest K anybody draws from, and what the EK100 challenge keeps."""

# A block of 512 rows of 3,806 floats is 8 MB.
_ROWS_AT_ONCE = 512


def rank_scores(
    source: str, segment_ids: Sequence[str], scores: np.ndarray, num_actions: int, name: str = "scores"
) -> TopKPredictions:
    """Keep the best actions of each segment, equal scores in the order of action ids.

    Args:
        source: the file, for messages.
        segment_ids: N ids.
        scores: numbers `[N, num_actions]`, higher is better; the column is the action id.
        name: of the array in the file, for messages.

    Raises:
        DataError: for another shape or type, or a score that is no finite number, naming the segment.
    """
    check_shape(source, name, scores, len(segment_ids), num_actions)

    def block_of(rows: slice) -> np.ndarray:
        check_finite(source, segment_ids[rows], scores[rows])
        return scores[rows]

    return rank_blocks(source, segment_ids, block_of, num_actions)


def rank_blocks(
    source: str, segment_ids: Sequence[str], block_of: Callable[[slice], np.ndarray], num_actions: int
) -> TopKPredictions:
    """Like `rank_scores`, for scores that are fetched or computed for a block of rows at a time.

    Args:
        block_of: scores `[R, num_actions]` of a slice of rows; minus infinity where an action is no candidate. Then
            as many actions are kept as each segment has candidates.

    Raises:
        DataError: when a segment has no candidate.
    """
    top_k = num_kept = min(TOP_K, num_actions)
    action_ids = np.empty((len(segment_ids), top_k), np.int32)
    kept = np.empty((len(segment_ids), top_k), np.float32)
    for start in range(0, len(segment_ids), _ROWS_AT_ONCE):
        rows = slice(start, start + _ROWS_AT_ONCE)
        block = _as_floats(block_of(rows))
        action_ids[rows] = best_columns(block, top_k)
        kept[rows] = np.take_along_axis(block, action_ids[rows], axis=1)
        num_candidates = (block > -np.inf).sum(axis=1)
        if not num_candidates.all():
            raise DataError(f"{source}: segment {segment_ids[start + int(num_candidates.argmin())]!r} ranks no action")
        num_kept = min(num_kept, int(num_candidates.min()))
    return TopKPredictions(source, tuple(segment_ids), action_ids[:, :num_kept], kept[:, :num_kept])


def check_finite(source: str, segment_ids: Sequence[str], scores: np.ndarray) -> None:
    """Make sure that `scores` `[N, C]` are finite.

    Raises:
        DataError: naming the first segment whose scores are not.
    """
    odd = np.flatnonzero(~np.isfinite(scores).all(axis=1))
    if len(odd):
        raise DataError(f"{source}: segment {segment_ids[odd[0]]!r} has a score that is NaN or infinite")


def check_falling(source: str, segment_ids: Sequence[str], scores: np.ndarray) -> None:
    """Make sure that ranked `scores` `[N, K]` do not rise from one rank to the next; NaN is passed over.

    Raises:
        DataError: with the number of segments whose scores do.
    """
    rising = np.flatnonzero((scores[:, 1:] > scores[:, :-1]).any(axis=1))
    if len(rising):
        raise DataError(
            f"{source}: the scores of {len(rising)} segments (such as {segment_ids[rising[0]]!r}) rise with the rank; "
            "higher must be better"
        )


def check_shape(source: str, name: str, array: object, num_rows: int, num_columns: int) -> None:
    """Make sure that `array` holds numbers `[num_rows, num_columns]`.

    Raises:
        DataError: with both shapes.
    """
    if not isinstance(array, np.ndarray) or array.dtype.kind not in "fiu":
        kind = f"an array of {array.dtype}" if isinstance(array, np.ndarray) else type(array).__name__
        raise DataError(f"{source}: {name!r} is {kind}; expected an array of numbers")
    if array.shape != (num_rows, num_columns):
        raise DataError(
            f"{source}: {name!r} has shape {array.shape}, expected ({num_rows}, {num_columns}) for the {num_rows} "
            f"segments and {num_columns} classes of the annotations; is it of another split or edition?"
        )


def best_columns(block: np.ndarray, top_k: int) -> np.ndarray:
    """Column indices `[R, top_k]` of the largest scores `[R, C]`, best first, ties by index."""
    last = np.partition(block, -top_k, axis=1)[:, -top_k]
    candidates = block >= last[:, None]
    clear = candidates.sum(axis=1) == top_k
    best = np.empty((len(block), top_k), np.int32)
    # nonzero goes through each row from left to right, and a stable sort leaves ties in that order.
    columns = np.nonzero(candidates[clear])[1].reshape(-1, top_k)
    order = np.argsort(-np.take_along_axis(block[clear], columns, axis=1), axis=1, kind="stable")
    best[clear] = np.take_along_axis(columns, order, axis=1)
    # Rows with ties across the last place have more candidates than places.
    best[~clear] = np.argsort(-block[~clear], axis=1, kind="stable")[:, :top_k]
    return best


def _as_floats(block: np.ndarray) -> np.ndarray:
    """Numbers of the machine's byte order that keep their order; half precision is slow to sort."""
    single = block.dtype.kind == "f" and block.dtype.itemsize <= 4
    return block.astype(np.float32 if single else np.float64, copy=False)
