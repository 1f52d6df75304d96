"""Ranked predictions of one model for the segments of one split, kept as Parquet.

File format: columns `segment_id` (string), `action_ids` (list<int32>, best first) and `scores` (list<float>,
null where the source ranks without scores). The schema's metadata holds the text-sorted action keys
(``"verb:noun"``), so the ids keep their meaning when a file meets other annotations.
"""

from __future__ import annotations

import json
from collections.abc import Collection
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np

from llavaction.annotations.segments import SegmentTable
from llavaction.annotations.vocabulary import Vocabulary
from llavaction.utils.errors import DataError

_KEYS = b"llavaction.action_keys"
_COLUMNS = {"segment_id", "action_ids", "scores"}


@dataclass(frozen=True)
class TopKPredictions:
    """The K most likely actions of each segment, best first.

    Attributes:
        source: the file or model they come from, for messages and manifests.
        segment_ids: N ids.
        action_ids: int32 `[N, K]`, ids of the vocabulary.
        scores: float32 `[N, K]`, higher is better; NaN where the source only ranks.

    Raises:
        DataError: when shapes disagree, a segment stands twice, or a row names an action twice.
    """

    source: str
    segment_ids: tuple[str, ...]
    action_ids: np.ndarray
    scores: np.ndarray
    _row_by_id: dict[str, int] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        if self.action_ids.ndim != 2 or self.action_ids.shape != self.scores.shape:
            raise DataError(
                f"{self.source}: actions {self.action_ids.shape} and scores {self.scores.shape} must both be [N, K]"
            )
        if len(self.segment_ids) != len(self.action_ids):
            raise DataError(f"{self.source}: {len(self.segment_ids)} ids for {len(self.action_ids)} rows")
        rows = {segment_id: row for row, segment_id in enumerate(self.segment_ids)}
        if len(rows) != len(self.segment_ids):
            raise DataError(f"{self.source}: {len(self.segment_ids) - len(rows)} segments stand in it more than once")
        in_order = np.sort(self.action_ids, axis=1)
        twice = np.flatnonzero((in_order[:, 1:] == in_order[:, :-1]).any(axis=1))
        if len(twice):
            raise DataError(
                f"{self.source}: {len(twice)} rows name an action more than once "
                f"(first: {self.segment_ids[twice[0]]!r})"
            )
        object.__setattr__(self, "_row_by_id", rows)

    @property
    def top_k(self) -> int:
        """How many actions each segment has."""
        return int(self.action_ids.shape[1])

    def ranked(self, segment_id: str) -> list[int]:
        """The action ids of a segment, best first.

        Raises:
            DataError: when there is no prediction for it.
        """
        row = self._row_by_id.get(segment_id)
        if row is None:
            raise self._no_prediction(segment_id)
        return [int(action_id) for action_id in self.action_ids[row]]

    def in_order_of(self, table: SegmentTable) -> TopKPredictions:
        """The same predictions, row by row those of `table`, all of which must be there.

        Raises:
            DataError: when a segment has no prediction.
        """
        segment_ids = tuple(segment.segment_id for segment in table)
        if segment_ids == self.segment_ids:
            return self
        missing = [segment_id for segment_id in segment_ids if segment_id not in self._row_by_id]
        if missing:
            raise self._no_prediction(missing[0])
        rows = [self._row_by_id[segment_id] for segment_id in segment_ids]
        return replace(self, segment_ids=segment_ids, action_ids=self.action_ids[rows], scores=self.scores[rows])

    def check_covers(self, table: SegmentTable) -> None:
        """Make sure that these are predictions for exactly the segments of `table`.

        Raises:
            DataError: with the number of missing and foreign segments.
        """
        check_covers(self.source, self._row_by_id, table)

    def _no_prediction(self, segment_id: str) -> DataError:
        return DataError(f"{self.source}: no prediction for segment {segment_id!r}; it has {len(self.segment_ids)}")

    def recall_at(self, table: SegmentTable, vocabulary: Vocabulary, k: int) -> float:
        """Share of the segments of `table` whose true action is among the first `k`."""
        hits = 0
        for segment in table:
            truth = vocabulary.action_id(segment.verb_id, segment.noun_id)
            hits += truth in self.ranked(segment.segment_id)[:k]
        return hits / len(table)


def check_covers(source: str, segment_ids: Collection[str], table: SegmentTable) -> None:
    """Make sure that the predictions of `source` are for exactly the segments of `table`.

    Raises:
        DataError: with the number of missing and foreign segments.
    """
    missing = [segment.segment_id for segment in table if segment.segment_id not in segment_ids]
    foreign = [segment_id for segment_id in segment_ids if segment_id not in table]
    if missing or foreign:
        examples = ", ".join([*missing[:1], *foreign[:1]])
        raise DataError(
            f"{source}: {len(missing)} of the {len(table)} segments of {table.source} have no prediction "
            f"and {len(foreign)} predictions are for other segments (for example {examples}); "
            "the predictions belong to another split or edition"
        )


def save_predictions(predictions: TopKPredictions, vocabulary: Vocabulary, path: Path) -> None:
    """Write `predictions` as Parquet, whole or not at all."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    # Where each segment's list begins and ends in the flat arrays.
    ends = np.arange(len(predictions.segment_ids) + 1, dtype=np.int32) * predictions.top_k
    # from_pandas: NaN becomes null.
    scores = pa.array(predictions.scores.ravel(), pa.float32(), from_pandas=True)
    table = pa.table(
        {
            "segment_id": pa.array(predictions.segment_ids, pa.string()),
            "action_ids": pa.ListArray.from_arrays(ends, pa.array(predictions.action_ids.ravel(), pa.int32())),
            "scores": pa.ListArray.from_arrays(ends, scores),
        }
    ).replace_schema_metadata({_KEYS: json.dumps(vocabulary.action_keys).encode()})
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.name}.tmp")
    pq.write_table(table, temporary)
    temporary.replace(path)


def load_predictions(path: Path, vocabulary: Vocabulary) -> TopKPredictions:
    """Read a file that `save_predictions` wrote; ids are renumbered when `vocabulary` numbers otherwise.

    Raises:
        DataError: when it is not such a file, or names an action that `vocabulary` lacks.
    """
    content = read_parquet(path)
    if not is_saved_table(content):
        raise DataError(f"{path}: needs columns {sorted(_COLUMNS)} and the action keys in its metadata")
    return from_saved_table(path, content, vocabulary)


def read_parquet(path: Path) -> Any:
    """A Parquet file as an Arrow table.

    Raises:
        DataError: when the file is missing or something else.
    """
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        return pq.read_table(path)
    except FileNotFoundError:
        raise DataError(f"{path}: no such file") from None
    except pa.ArrowInvalid as error:
        raise DataError(f"{path}: not a Parquet file ({error})") from None


def is_saved_table(content: Any) -> bool:
    """Whether an Arrow table has what `save_predictions` writes."""
    return _KEYS in (content.schema.metadata or {}) and set(content.column_names) >= _COLUMNS


def from_saved_table(path: Path, content: Any, vocabulary: Vocabulary) -> TopKPredictions:
    """The predictions of an Arrow table that `save_predictions` wrote; see `load_predictions`."""
    keys: list[str] = json.loads(content.schema.metadata[_KEYS])
    action_ids = _rectangle(path, content.column("action_ids"), np.int32)
    scores = _rectangle(path, content.column("scores"), np.float32)
    used = np.unique(action_ids)
    if used.size and not 0 <= used[0] <= used[-1] < len(keys):
        raise DataError(f"{path}: action ids {used[0]} to {used[-1]}, but its metadata names {len(keys)} actions")
    if tuple(keys) != vocabulary.action_keys:
        renumber = np.full(len(keys), -1, np.int32)
        try:
            renumber[used] = [vocabulary.action_id_of_key(keys[action_id]) for action_id in used]
        except DataError as error:
            raise DataError(f"{path}: {error}") from None
        action_ids = renumber[action_ids]
    return TopKPredictions(str(path), tuple(content.column("segment_id").to_pylist()), action_ids, scores)


def _rectangle(path: Path, column: Any, dtype: type) -> np.ndarray:
    """A column of lists of one length as `[N, K]`; null becomes NaN."""
    import pyarrow as pa

    is_list = pa.types.is_list(column.type) or pa.types.is_large_list(column.type)
    lengths = {len(row) for row in column} if is_list else set()
    if len(lengths) != 1:
        raise DataError(f"{path}: rows hold {sorted(lengths)} predictions; all must hold the same number")
    flat = column.combine_chunks().flatten().to_numpy(zero_copy_only=False)
    return np.asarray(flat, dtype).reshape(len(column), lengths.pop())
