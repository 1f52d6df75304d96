"""Reading a run folder: its record, its configuration, its metrics, its log."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import yaml

from llavaction.evaluation.predictions import METRICS_FILE
from llavaction.utils.errors import DataError
from llavaction.utils.jsonl import read_json
from llavaction.utils.runs import CONFIG_FILE, RUN_FILE

LOG_FILE = "log.txt"
LINES_FILE = "metrics.jsonl"
"""Log lines of a training run."""

_TIME = re.compile(r"^(\d{4}-\d\d-\d\d \d\d:\d\d:\d\d),\d{3} ", re.MULTILINE)
_TAIL_BYTES = 1 << 16

Line = dict[str, Any]
"""A line of metrics: its `step`, and figures by name; None where a figure is not known."""


@dataclass(frozen=True)
class RunFolder:
    """A run, as its folder has it.

    Attributes:
        record: what `run.json` says: command, commit, versions, hashes of the data.
        lines: metrics by step; of an evaluation one line, without a step.
    """

    path: Path
    command: str
    record: dict[str, Any]
    lines: list[Line]

    def config(self) -> dict[str, Any]:
        """The configuration, which is read only now: YAML takes its time.

        Raises:
            DataError: when there is none, or it is not YAML.
        """
        path = self.path / CONFIG_FILE
        try:
            config = yaml.safe_load(path.read_text(encoding="utf-8"))
        except OSError:
            raise DataError(f"{path}: no such file") from None
        except (yaml.YAMLError, ValueError) as error:
            raise DataError(f"{path}: not YAML ({' '.join(str(error).split())})") from None
        if not isinstance(config, dict):
            raise DataError(f"{path}: expected keys and values, found {type(config).__name__}")
        return config


def read_run(folder: Path) -> RunFolder:
    """Read a run folder.

    Raises:
        DataError: saying what is missing or broken.
    """
    record = read_json(folder / RUN_FILE)
    if not isinstance(record, dict) or not isinstance(record.get("command"), str):
        raise DataError(f"{folder / RUN_FILE}: names no command; not a record of this project")
    return RunFolder(folder, record["command"], record, _train_lines(folder) or _evaluation_lines(folder))


def times(folder: Path) -> tuple[datetime, datetime] | None:
    """First and last time in the log, local; None without a log."""
    path = folder / LOG_FILE
    try:
        with path.open("rb") as file:
            head = file.read(_TAIL_BYTES)
            file.seek(max(len(head), path.stat().st_size - _TAIL_BYTES))
            tail = head + file.read()
    except OSError:
        return None
    found = _TIME.findall(tail.decode("utf-8", errors="replace"))
    return (datetime.fromisoformat(found[0]), datetime.fromisoformat(found[-1])) if found else None


def _train_lines(folder: Path) -> list[Line]:
    path = folder / LINES_FILE
    if not path.exists():
        return []
    texts = path.read_text(encoding="utf-8", errors="replace").splitlines(keepends=True)
    if texts and not texts[-1].endswith("\n"):
        # Being written just now, or cut off by a kill.
        texts.pop()
    lines = []
    for number, text in enumerate(texts, start=1):
        try:
            line = json.loads(text)
        except ValueError:
            line = None
        if not isinstance(line, dict) or not isinstance(line.get("step"), int):
            raise DataError(f"{path}:{number}: not a line of metrics with a step")
        lines.append(line)
    return lines


def _evaluation_lines(folder: Path) -> list[Line]:
    path = folder / METRICS_FILE
    if not path.exists():
        return []
    tasks = read_json(path)
    if not isinstance(tasks, dict) or not all(isinstance(of, dict) for of in tasks.values()):
        raise DataError(f"{path}: expected the metrics of each task")
    return [{f"eval/{task}/{name}": value for task, of in tasks.items() for name, value in of.items()}]
