"""Finding run folders below a folder."""

from __future__ import annotations

from pathlib import Path

from llavaction.evaluation.predictions import METRICS_FILE
from llavaction.reports.runs.folder import LINES_FILE, LOG_FILE
from llavaction.utils.errors import DataError
from llavaction.utils.jsonl import read_json
from llavaction.utils.runs import CONFIG_FILE, RUN_FILE

NO_RUN = "no run in it"
_MARKS = (RUN_FILE, CONFIG_FILE, LOG_FILE, LINES_FILE, METRICS_FILE)
_CLOSED = ("train", "evaluate", "evaluate-api", "merge", "convert")
"""Commands whose folders hold nothing but their own."""
_INNER = ("rows", "evaluations", "wandb", "tensorboard", "profile")
"""Folders inside a run, where its record is broken and does not say whose they are."""


def find_runs(folder: Path, depth: int) -> tuple[list[Path], dict[Path, str]]:
    """Folders with anything of a run in them, at or below `folder`; and the topmost folders without any, and why.

    Args:
        depth: levels below `folder` that are searched.

    Raises:
        DataError: when there is no such folder.
    """
    if not folder.is_dir():
        raise DataError(f"{folder}: no such folder; name the one that runs are below: llavaction runs FOLDER")
    is_run = any((folder / mark).is_file() for mark in _MARKS)
    runs: list[Path] = [folder] if is_run else []
    others: dict[Path, str] = {}
    if _is_closed(folder):
        return runs, others
    try:
        children = _children(folder)
    except PermissionError:
        return runs, {folder: "may not be read"}
    if children and not depth:
        return runs, {} if is_run else {folder: "not searched: deeper than depth allows"}
    for child in children:
        found, rest = find_runs(child, depth - 1)
        runs += found
        others |= rest
    if not runs:
        return [], {folder: next((why for why in others.values() if why != NO_RUN), NO_RUN)}
    # What lies in the folder of a run is the run's.
    return runs, {} if is_run else others


def _children(folder: Path) -> list[Path]:
    inner = sorted(path for path in folder.iterdir() if path.is_dir())
    return [path for path in inner if not path.name.startswith((".", "checkpoint")) and path.name not in _INNER]


def _is_closed(folder: Path) -> bool:
    path = folder / RUN_FILE
    try:
        record = read_json(path) if path.is_file() else None
    except DataError:
        return False
    return isinstance(record, dict) and record.get("command") in _CLOSED
