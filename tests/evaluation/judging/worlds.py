"""Descriptions of a few clips, and a judge."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from llavaction.evaluation.config import TaskName
from llavaction.evaluation.judging.config import JudgeConfig, JudgePrompt
from llavaction.evaluation.predictions import Row
from llavaction.sft.classes import ClassTable
from llavaction.utils.jsonl import write_jsonl
from tests.api.worlds import DEFAULTS

CLASSES = ClassTable(("take", "put"), ("cup", "plate"), ("0:0", "1:1"), {"take cup": "0:0", "put plate": "1:1"})
PROMPT = JudgePrompt(
    name="test",
    version=2,
    system="Be just.",
    question="{action}; true: {reference}; told: {caption}",
    format='As {"score": ...}',
)


def make_judge(folder: Path, base_url: str = "http://127.0.0.1:9/v1", **fields: Any) -> JudgeConfig:
    """A judge whose cache lies in `folder`."""
    options = {**DEFAULTS, "prompt": PROMPT, "cache": str(folder / "cache")}
    return JudgeConfig(base_url=base_url, model="tiny-lm", **{**options, **fields})


def caption_row(number: int, text: str | None, **more: Any) -> Row:
    """A description of segment `number`; two segments are of one video."""
    return Row(
        task="caption",
        kind=TaskName.CAPTION,
        sample_id=f"caption/{number}",
        segment_id=f"P01_{number // 2:02}_{number}",
        truth=(0, 0, 0),
        answer=f"reference {number}",
        raw=text,
        **more,
    )


def write_run(folder: Path, rows: list[Row]) -> Path:
    """The folder of a finished evaluation with these rows."""
    write_jsonl(folder / "rows" / "caption.jsonl", (row.to_row() for row in rows))
    CLASSES.save(folder)
    return folder
