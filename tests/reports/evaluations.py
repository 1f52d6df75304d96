"""Folders as `llavaction evaluate` leaves them, without a model."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import yaml

from llavaction.evaluation.predictions import Row
from llavaction.sft.classes import ClassTable
from llavaction.utils.jsonl import write_json, write_jsonl

CLASSES = ClassTable(
    verbs=tuple(f"verb-{number}" for number in range(3)),
    nouns=tuple(f"noun:{number}" for number in range(4)),
    actions=tuple(sorted(f"{verb}:{noun}" for verb in range(3) for noun in range(4))),
    narrations={},
)


def write_run(
    folder: Path,
    rows: Mapping[str, Sequence[Row]],
    *,
    num_frames: int = 8,
    finished: bool = True,
    settings: Mapping[str, Any] | None = None,
    record: Mapping[str, Any] | None = None,
) -> Path:
    """An evaluation run.

    Args:
        rows: by task.
        settings: of all its tasks, such as mode.
        record: more of `run.json`.
    """
    tasks = {task: {"task": "mqa", "mode": "option", "order": "given", **(settings or {})} for task in rows}
    config = {"evaluation": {"tasks": tasks}, "video": {"num_frames": num_frames}}
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "config.yaml").write_text(yaml.safe_dump(config))
    write_json(folder / "run.json", {"command": "evaluate", **(record or {})})
    CLASSES.save(folder)
    for task, those in rows.items():
        write_jsonl(folder / "rows" / f"{task}.jsonl", [row.to_row() for row in those])
    if finished:
        write_json(folder / "metrics.json", {})
    return folder
