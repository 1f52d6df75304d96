"""Long tables, one row for each segment and action, which CSV and Parquet files of any origin can hold."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from llavaction.annotations.vocabulary import Vocabulary
from llavaction.specialists.class_ids import ids_of_keys
from llavaction.specialists.predictions import TopKPredictions
from llavaction.specialists.ranking import check_falling
from llavaction.utils.errors import DataError

SEGMENT, ACTION, RANK, SCORE = "segment_id", "action", "rank", "score"


@dataclass(frozen=True)
class LongRows:
    """Columns of equal length.

    Attributes:
        segment_ids: the segment of each row.
        actions: keys such as ``"1:2"``.
        ranks: from 1 for the best, without gaps; None where scores decide.
        scores: higher is better; None where only ranks are known.
    """

    segment_ids: Sequence[str]
    actions: Sequence[str]
    ranks: np.ndarray | None
    scores: np.ndarray | None


def check_columns(source: str, columns: Sequence[str]) -> None:
    """Make sure that a table has the columns of `LongRows`.

    Raises:
        DataError: naming what is missing.
    """
    if not {SEGMENT, ACTION} <= set(columns) or not {RANK, SCORE} & set(columns):
        raise DataError(
            f"{source}: needs the columns {SEGMENT}, {ACTION} ('verb:noun') and {RANK} (from 1) or {SCORE}; "
            f"has {', '.join(columns)}"
        )


def rank_rows(source: str, rows: LongRows, vocabulary: Vocabulary) -> TopKPredictions:
    """Group the rows by segment and order them by rank, else by score, equal scores by action id.

    Raises:
        DataError: for an unknown action, ranks with gaps, scores that are not finite or rise from one rank to the
            next, or segments with different numbers of rows.
    """
    if not len(rows.segment_ids):
        raise DataError(f"{source}: no rows in it")
    action_by_key = ids_of_keys(source, rows.actions, vocabulary)
    action_ids = np.array([action_by_key[key] for key in rows.actions], np.int32)
    numbers: dict[str, int] = {}
    segments = np.array([numbers.setdefault(segment_id, len(numbers)) for segment_id in rows.segment_ids])
    lengths = np.bincount(segments)
    if lengths.min() != lengths.max():
        fewest = list(numbers)[int(lengths.argmin())]
        raise DataError(
            f"{source}: segments have {lengths.min()} (such as {fewest!r}) to {lengths.max()} rows; "
            "all must rank the same number of actions"
        )
    if rows.scores is not None and not np.isfinite(rows.scores).all():
        odd = int(np.flatnonzero(~np.isfinite(rows.scores))[0])
        raise DataError(f"{source}: segment {rows.segment_ids[odd]!r} has a score that is NaN or infinite")
    order = np.lexsort((action_ids, _sort_key(rows), segments))
    shape = (len(numbers), int(lengths[0]))
    scores = np.full(len(order), np.nan) if rows.scores is None else rows.scores[order]
    segment_ids, scores = tuple(numbers), scores.astype(np.float32).reshape(shape)
    if rows.ranks is not None:
        _check_ranks(source, segment_ids, rows.ranks[order].reshape(shape))
        check_falling(source, segment_ids, scores)
    return TopKPredictions(source, segment_ids, action_ids[order].reshape(shape), scores)


def _sort_key(rows: LongRows) -> np.ndarray:
    """Smaller is better."""
    if rows.ranks is not None:
        return rows.ranks
    assert rows.scores is not None
    return -rows.scores


def _check_ranks(source: str, segment_ids: Sequence[str], ranks: np.ndarray) -> None:
    odd = np.flatnonzero((ranks != np.arange(1, ranks.shape[1] + 1)).any(axis=1))
    if len(odd):
        raise DataError(
            f"{source}: {len(odd)} of {len(ranks)} segments (such as {segment_ids[odd[0]]!r}) do not have each rank "
            f"from 1 to {ranks.shape[1]} once"
        )
