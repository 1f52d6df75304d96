"""Ranked predictions of one model for the segments of one split, kept as Parquet.

File format: columns `segment_id` (string), `action_ids` (list<int32>, best first) and `scores` (list<float>,
null where the source ranks without scores). The schema's metadata holds the text-sorted action keys
(``"verb:noun"``), so the ids keep their meaning when a file meets other annotations.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from llavaction.annotations.segments import SegmentTable
from llavaction.annotations.vocabulary import Vocabulary
from llavaction.utils.errors import DataError

_KEYS = b"llavaction.action_keys"


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
            raise DataError(f"{self.source}: no prediction for segment {segment_id!r}; it has {len(self.segment_ids)}")
        return [int(action_id) for action_id in self.action_ids[row]]

    def check_covers(self, table: SegmentTable) -> None:
        """Make sure that these are predictions for exactly the segments of `table`.

        Raises:
            DataError: with the number of missing and foreign segments.
        """
        missing = [segment.segment_id for segment in table if segment.segment_id not in self._row_by_id]
        foreign = [segment_id for segment_id in self.segment_ids if segment_id not in table]
        if missing or foreign:
            examples = ", ".join([*missing[:1], *foreign[:1]])
            raise DataError(
                f"{self.source}: {len(missing)} of the {len(table)} segments of {table.source} have no prediction "
                f"and {len(foreign)} predictions are for other segments (for example {examples}); "
                "the predictions belong to another split or edition"
            )

    def recall_at(self, table: SegmentTable, vocabulary: Vocabulary, k: int) -> float:
        """Share of the segments of `table` whose true action is among the first `k`."""
        hits = 0
        for segment in table:
            truth = vocabulary.action_id(segment.verb_id, segment.noun_id)
            hits += truth in self.ranked(segment.segment_id)[:k]
        return hits / len(table)


def save_predictions(predictions: TopKPredictions, vocabulary: Vocabulary, path: Path) -> None:
    """Write `predictions` as Parquet, whole or not at all."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    scores: Sequence[Sequence[float | None]] = [
        [None if np.isnan(score) else float(score) for score in row] for row in predictions.scores
    ]
    table = pa.table(
        {
            "segment_id": pa.array(predictions.segment_ids, pa.string()),
            "action_ids": pa.array(predictions.action_ids.tolist(), pa.list_(pa.int32())),
            "scores": pa.array(scores, pa.list_(pa.float32())),
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
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        table = pq.read_table(path)
    except FileNotFoundError:
        raise DataError(f"{path}: no such file") from None
    except pa.ArrowInvalid as error:
        raise DataError(f"{path}: not a Parquet file ({error})") from None
    metadata = table.schema.metadata or {}
    columns = {"segment_id", "action_ids", "scores"}
    if _KEYS not in metadata or not columns <= set(table.column_names):
        raise DataError(f"{path}: needs columns {sorted(columns)} and the action keys in its metadata")
    keys: list[str] = json.loads(metadata[_KEYS])
    action_ids = _rectangle(path, table.column("action_ids").to_pylist(), np.int32)
    scores = _rectangle(path, table.column("scores").to_pylist(), np.float32)
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
    return TopKPredictions(str(path), tuple(table.column("segment_id").to_pylist()), action_ids, scores)


def _rectangle(path: Path, rows: list[list[float | None]], dtype: type) -> np.ndarray:
    lengths = {len(row) for row in rows}
    if len(lengths) != 1:
        raise DataError(f"{path}: rows hold {sorted(lengths)} predictions; all must hold the same number")
    return np.array([[np.nan if value is None else value for value in row] for row in rows]).astype(dtype)
