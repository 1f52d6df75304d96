"""Rows of each task, as short as they can be."""

from __future__ import annotations

from typing import Any

from llavaction.evaluation.config import TaskName
from llavaction.evaluation.predictions import Row


def choice(number: int, chosen_idx: int | None, *, answer_idx: int = 0, num_options: int = 5, **more: Any) -> Row:
    """A question with choices and the one that was taken."""
    options = tuple(f"option {idx}" for idx in range(num_options))
    return row(TaskName.MQA, number, options=options, answer_idx=answer_idx, chosen_idx=chosen_idx, **more)


def text(number: int, raw: str, answer: str, predicted: tuple[int, int, int] | None, **more: Any) -> Row:
    """A written answer and the classes it stands for; the truth is verb 1, noun 2, action 3."""
    return row(TaskName.DIRECT, number, answer=answer, raw=raw, predicted=predicted, **more)


def heads(number: int, verb_id: int, noun_id: int, action_id: int) -> Row:
    """The best class of each head; the truth is verb 1, noun 2, action 3."""
    return row(TaskName.ACTION_HEAD, number, predicted=(verb_id, noun_id, action_id))


def row(kind: TaskName, number: int, **more: Any) -> Row:
    """A row about segment `number`."""
    values: dict[str, Any] = {"truth": (1, 2, 3), "answer": "option 0"}
    return Row(task="t", kind=kind, sample_id=f"q/{number}", segment_id=f"P01_01_{number}", **(values | more))
