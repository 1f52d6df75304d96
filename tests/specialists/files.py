"""Writes the same scores in every prediction format that holds them."""

from __future__ import annotations

import json
import pickle
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from llavaction.annotations.segments import SegmentTable
from llavaction.annotations.vocabulary import Vocabulary
from llavaction.specialists.class_ids import true_action_ids, verbs_and_nouns
from llavaction.specialists.predictions import TopKPredictions, save_predictions
from llavaction.utils.seeding import rng_for


def ranked(scores: np.ndarray) -> np.ndarray:
    """Action ids of each row, best first, equal scores by id: the slow way."""
    return np.array([sorted(range(len(row)), key=lambda action_id: (-row[action_id], action_id)) for row in scores])


def avion_content(table: SegmentTable, vocabulary: Vocabulary, logits: np.ndarray) -> dict[str, Any]:
    probs = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
    return {"logits": logits, "probs": probs, "targets": true_action_ids(table, vocabulary).astype(np.int64)}


def tim_content(table: SegmentTable, vocabulary: Vocabulary, scores: np.ndarray) -> dict[str, Any]:
    """Rows in another order than the table's; verbs and nouns favour those of the first action."""
    verb_ids, noun_ids = verbs_and_nouns(vocabulary)
    first = ranked(scores)[:, 0]
    order = rng_for(0, "tim").permutation(len(table))
    ids = np.array([segment.segment_id for segment in table], object)
    return {
        "action": scores[order],
        "audio": np.zeros((2, 44), np.float32),
        "v_narration_ids": ids[order],
        "a_narration_ids": np.array(["x_0", "x_1"], object),
        "verb": np.eye(len(vocabulary.verbs), dtype=np.float32)[verb_ids[first]][order],
        "noun": np.eye(len(vocabulary.nouns), dtype=np.float32)[noun_ids[first]][order],
    }


def challenge_content(results: dict[str, Any]) -> dict[str, Any]:
    marks = {"version": "0.2", "challenge": "action_recognition", "sls_pt": 2, "sls_tl": 3, "sls_td": 4}
    return {**marks, "results": results}


def write_pickle(path: Path, content: object, protocol: int = 4) -> Path:
    path.write_bytes(pickle.dumps(content, protocol))
    return path


def write_json(path: Path, content: object) -> Path:
    path.write_text(json.dumps(content))
    return path


def long_rows(table: SegmentTable, vocabulary: Vocabulary, scores: np.ndarray) -> list[tuple[str, str, int, float]]:
    """Segment, action, rank and score of each prediction, mixed up."""
    rows = [
        (segment.segment_id, vocabulary.action_keys[action_id], rank, float(row[action_id]))
        for segment, row, best in zip(table, scores, ranked(scores), strict=True)
        for rank, action_id in enumerate(best, start=1)
    ]
    return [rows[place] for place in rng_for(0, "rows").permutation(len(rows))]


def write_csv(path: Path, rows: list[tuple[str, str, int, float]], columns: tuple[str, ...]) -> Path:
    names = ("segment_id", "action", "rank", "score")
    lines = [",".join(columns), *(",".join(str(row[names.index(name)]) for name in columns) for row in rows)]
    path.write_text("\n".join(lines) + "\n")
    return path


def write_long_parquet(path: Path, rows: list[tuple[str, str, int, float]]) -> Path:
    segment_ids, actions, ranks, scores = (list(column) for column in zip(*rows, strict=True))
    pq.write_table(pa.table({"segment_id": segment_ids, "action": actions, "rank": ranks, "score": scores}), path)
    return path


def _write_public(path: Path, table: SegmentTable, vocabulary: Vocabulary, scores: np.ndarray) -> Path:
    best = zip(table, ranked(scores), strict=True)
    return write_json(
        path,
        {
            str(row): {"predictions": [vocabulary.action_keys[i] for i in ids], "target": segment.action_key}
            for row, (segment, ids) in enumerate(best)
        },
    )


def _write_actions(path: Path, table: SegmentTable, vocabulary: Vocabulary, scores: np.ndarray) -> Path:
    keys = [key.replace(":", ",") for key in vocabulary.action_keys]
    results = {
        segment.segment_id: {"verb": {}, "noun": {}, "action": dict(zip(keys, map(float, row), strict=True))}
        for segment, row in zip(table, scores, strict=True)
    }
    return write_json(path, challenge_content(results))


def _write_saved(path: Path, table: SegmentTable, vocabulary: Vocabulary, scores: np.ndarray) -> Path:
    best = ranked(scores).astype(np.int32)
    ids = tuple(segment.segment_id for segment in table)
    save_predictions(
        TopKPredictions("x", ids, best, np.take_along_axis(scores, best, axis=1).astype(np.float32)), vocabulary, path
    )
    return path


def _write_npz(path: Path, table: SegmentTable, vocabulary: Vocabulary, scores: np.ndarray, with_keys: bool) -> Path:
    best = ranked(scores)
    ids = np.array([segment.segment_id for segment in table])
    if with_keys:
        keys = np.array(vocabulary.action_keys)[best]
        np.savez(path, segment_ids=ids, action_keys=keys, scores=np.take_along_axis(scores, best, axis=1))
    else:
        np.savez(path, segment_ids=ids, logits=scores)
    return path


Writer = Callable[[Path, SegmentTable, Vocabulary, np.ndarray], Path]

# By file name, from which the format is told. Those in RANKS_ONLY lose the scores.
WRITERS: dict[str, Writer] = {
    "public.json": _write_public,
    "challenge.json": _write_actions,
    "avion.pkl": lambda path, *world: write_pickle(path, avion_content(*world)),
    "avion5.pickle": lambda path, *world: write_pickle(path, avion_content(*world), protocol=5),
    "tim.pkl": lambda path, *world: write_pickle(path, tim_content(*world), protocol=2),
    "saved.parquet": _write_saved,
    "long.parquet": lambda path, *world: write_long_parquet(path, long_rows(*world)),
    "ranks.csv": lambda path, *world: write_csv(path, long_rows(*world), ("segment_id", "rank", "action")),
    "scores.csv": lambda path, *world: write_csv(path, long_rows(*world), ("action", "segment_id", "score")),
    "logits.npz": lambda path, *world: _write_npz(path, *world, with_keys=False),
    "keys.npz": lambda path, *world: _write_npz(path, *world, with_keys=True),
}
RANKS_ONLY = {"public.json", "ranks.csv"}
