"""Folds of participants, for predictions of the training split by models that have not seen it.

A specialist makes too few mistakes on what it was trained on, so the training split is cut into folds: a model is
trained on all folds but one and predicts that one. No participant stands in two folds, as the same kitchen would.
"""

from __future__ import annotations

import csv
import io
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

from llavaction.annotations.segments import SegmentTable
from llavaction.specialists.predictions import TopKPredictions
from llavaction.utils.errors import ConfigError, DataError
from llavaction.utils.jsonl import read_json, write_json

FOLDS_FILE = "folds.json"


def assign_folds(table: SegmentTable, num_folds: int) -> dict[str, int]:
    """The fold of each participant, from 0, so that folds have about as many segments.

    The largest participant comes first, each goes to the fold that has the fewest segments so far. The order of rows
    does not matter.

    Raises:
        ConfigError: when there are fewer than two folds, or fewer participants than folds.
    """
    sizes = Counter(segment.participant_id for segment in table)
    if not 2 <= num_folds <= len(sizes):
        raise ConfigError(
            f"{num_folds} folds of the {len(sizes)} participants of {table.source}: choose 2 to {len(sizes)}"
        )
    filled = [0] * num_folds
    folds: dict[str, int] = {}
    for participant_id in sorted(sizes, key=lambda name: (-sizes[name], name)):
        fold = filled.index(min(filled))
        folds[participant_id] = fold
        filled[fold] += sizes[participant_id]
    return dict(sorted(folds.items()))


def held_out_tables(table: SegmentTable, folds: Mapping[str, int]) -> list[SegmentTable]:
    """The segments that each fold holds out, in the row order of `table`."""
    num_folds = max(folds.values()) + 1
    return [
        SegmentTable(
            f"fold {fold} of {table.source}",
            tuple(segment for segment in table if folds[segment.participant_id] == fold),
        )
        for fold in range(num_folds)
    ]


def write_folds(csv_path: Path, table: SegmentTable, folds: Mapping[str, int], folder: Path) -> None:
    """Write `fold_{i}_train.csv` and `fold_{i}_validation.csv` for each fold, and `folds.json`.

    The files have the header and the rows of `csv_path`, byte for byte and in their order.

    Args:
        csv_path: the file that `table` was read from.
    """
    header, *records = _csv_records(csv_path)
    folder.mkdir(parents=True, exist_ok=True)
    held_out = held_out_tables(table, folds)
    for fold in range(len(held_out)):
        parts: dict[str, list[str]] = {"train": [header], "validation": [header]}
        for segment, record in zip(table, records, strict=True):
            parts["validation" if folds[segment.participant_id] == fold else "train"].append(record)
        for part, lines in parts.items():
            (folder / f"fold_{fold}_{part}.csv").write_bytes("".join(lines).encode())
    write_json(
        folder / FOLDS_FILE,
        {
            "source": csv_path.name,
            "num_segments": [len(part) for part in held_out],
            "participants": dict(folds),
        },
    )


def read_folds(path: Path, table: SegmentTable) -> dict[str, int]:
    """The fold of each participant, from a `folds.json` that was made of the same segments.

    Raises:
        DataError: when the file has another form, or other participants or numbers of segments than `table`.
    """
    content = read_json(path)
    folds = content.get("participants") if isinstance(content, dict) else None
    if not isinstance(folds, dict) or not folds or not all(isinstance(fold, int) for fold in folds.values()):
        raise DataError(f"{path}: no fold number for each of 'participants'; make it with data_prep/make_folds.py")
    strangers = {segment.participant_id for segment in table} ^ set(folds)
    if strangers or set(folds.values()) != set(range(max(folds.values()) + 1)):
        raise DataError(
            f"{path}: {len(strangers)} participants stand in only one of it and {table.source} "
            f"({', '.join(sorted(strangers)[:3]) or 'none'}), and fold numbers must count up from 0; make it anew"
        )
    sizes = [len(part) for part in held_out_tables(table, folds)]
    if content.get("num_segments") != sizes:
        raise DataError(
            f"{path}: made of {content.get('num_segments')} segments in each fold, {table.source} has {sizes}"
        )
    return folds


def merge_folds(parts: Sequence[TopKPredictions], table: SegmentTable) -> TopKPredictions:
    """One table of the predictions of all folds, in the row order of `table`.

    Raises:
        DataError: when the parts rank different numbers of actions, a segment stands in two of them, or they do not
            cover exactly `table`.
    """
    top_ks = [part.top_k for part in parts]
    if len(set(top_ks)) != 1:
        raise DataError(f"the folds' files rank {top_ks} actions; all must rank the same number")
    merged = TopKPredictions(
        " + ".join(part.source for part in parts),
        tuple(segment_id for part in parts for segment_id in part.segment_ids),
        np.concatenate([part.action_ids for part in parts]),
        np.concatenate([part.scores for part in parts]),
    )
    merged.check_covers(table)
    return merged.in_order_of(table)


def _csv_records(path: Path) -> list[str]:
    """The header and rows of a CSV as they stand in the file; a quoted cell may go over several lines."""
    text = path.read_bytes().decode()
    lines = list(io.StringIO(text, newline=""))
    reader = csv.reader(lines)
    records = []
    start = 0
    for _ in reader:
        records.append("".join(lines[start : reader.line_num]))
        start = reader.line_num
    # The last row of the file may be followed by others in a fold.
    if not records[-1].endswith(("\n", "\r")):
        records[-1] += "\r\n" if records[0].endswith("\r\n") else "\n"
    return records
