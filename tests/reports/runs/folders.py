"""Run folders as commands leave them."""

from __future__ import annotations

from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from llavaction.utils.jsonl import write_json, write_jsonl, write_text

START = datetime(2026, 1, 2, 3, 0, 0)


def write_run(folder: Path, command: str, *, start: datetime = START, minutes: int = 90, **more: Any) -> Path:
    """A folder with a record, a configuration and a log that begins at `start`."""
    record = {
        "command": command,
        "git_commit": "0123456789abcdef-dirty",
        "versions": {"python": "3.11.7", "torch": "2.13.0"},
        "data_sha256": {"train.jsonl": "a" * 64},
    }
    write_json(folder / "run.json", {**record, **more})
    write_text(folder / "config.yaml", "train:\n  seed: 0\n  lr:\n    decoder: 1.0e-05\n  freeze: []\ndeepspeed: {}\n")
    stop = start + timedelta(minutes=minutes)
    lines = [f"{time:%Y-%m-%d %H:%M:%S},123 INFO llavaction: text" for time in (start, stop)]
    write_text(folder / "log.txt", "\n".join([lines[0], "Traceback: 2027-01-01", lines[1], ""]))
    return folder


def write_training(
    folder: Path, losses: list[float], *, finished: bool = True, accuracy: dict[int, float] | None = None, **more: Any
) -> Path:
    """A training run with a log line for each step, and evaluations at some."""
    write_run(folder, "train", **{"num_steps": 10, "num_parameters": 7_600_000_000, **more})
    lines: list[dict[str, Any]] = [
        {"step": step, "loss": loss, "lm_loss": loss / 2, "time_s": 60.0 * step, "samples_per_s": 2.0 + step}
        for step, loss in enumerate(losses, start=1)
    ]
    for step, value in (accuracy or {}).items():
        lines.append({"step": step, "eval/mqa/accuracy": value, "eval/mqa/chance": 0.2, "time_s": 60.0 * step})
    write_jsonl(folder / "metrics.jsonl", sorted(lines, key=lambda line: int(line["step"])))
    if finished:
        (folder / "checkpoint").mkdir()
    return folder
