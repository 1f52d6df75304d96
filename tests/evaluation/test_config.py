"""What a task may be told, and what it does not look at."""

from __future__ import annotations

from typing import Any

import pytest

from llavaction.evaluation.config import (
    CHOICES,
    EvaluationConfig,
    MqaMode,
    OptionOrder,
    TaskConfig,
    TaskName,
)
from llavaction.utils.errors import ConfigError


@pytest.mark.parametrize(
    ("kind", "fields"),
    [
        (TaskName.DIRECT, {"mode": MqaMode.LETTER}),
        (TaskName.ACTION_HEAD, {"order": OptionOrder.CYCLIC}),
        (TaskName.CAPTION, {"length_normalised": True}),
        (TaskName.MQA, {"num_candidates": [5]}),
        (TaskName.MQA, {"top_k": 5}),
        (TaskName.DIRECT, {"text_prior": 1.0}),
    ],
)
def test_what_a_task_does_not_look_at_is_refused(kind: TaskName, fields: dict[str, Any]) -> None:
    (name,) = fields
    with pytest.raises(ConfigError, match=f"{name} of s does nothing in a task of kind {kind}; it is for "):
        TaskConfig(kind, "s", **fields)


@pytest.mark.parametrize("kind", CHOICES)
def test_what_it_looks_at_is_not(kind: TaskName) -> None:
    assert TaskConfig(kind, "s", mode=MqaMode.TEXT, order=OptionOrder.CYCLIC, length_normalised=True).task is kind


@pytest.mark.parametrize(
    ("kind", "fields", "problem"),
    [
        (TaskName.MQA, {"length_normalised": True, "mode": MqaMode.LETTER}, "needs mode option or text, not letter"),
        (TaskName.TWO_STAGE, {"num_candidates": [0]}, r"num_candidates = \[0\] of s: each must be 1 to 26"),
        (TaskName.TWO_STAGE, {"num_candidates": [5, 5]}, "none twice"),
        (TaskName.TWO_STAGE, {"num_candidates": [5], "order": OptionOrder.CYCLIC}, "needs order given or shuffled"),
        (TaskName.ALL_CLASSES, {"top_k": 0}, "top_k = 0 of s: must be 1 or more"),
        (TaskName.ALL_CLASSES, {"text_prior": -1.0}, r"text_prior = -1\.0 of s: must be 0 or more"),
        (TaskName.ALL_CLASSES, {"text_prior": float("nan")}, "text_prior = nan"),
        (TaskName.MQA, {"limit": 0}, "limit = 0 of s: must be 1 or more"),
    ],
)
def test_values_that_mean_nothing_are_refused(kind: TaskName, fields: dict[str, Any], problem: str) -> None:
    with pytest.raises(ConfigError, match=problem):
        TaskConfig(kind, "s", **fields)


@pytest.mark.parametrize(
    ("fields", "problem"),
    [
        ({"batch_size": 0}, r"evaluation\.batch_size = 0: must be 1 or more"),
        ({"tree_size": 0}, r"evaluation\.tree_size = 0"),
        ({"num_workers": -1}, r"evaluation\.num_workers = -1: must be 0 or more"),
        ({"num_questions": 0}, r"evaluation\.num_questions = 0: must be 1 or more, or null"),
        ({"num_frames": 0}, r"evaluation\.num_frames = 0: must be 1 or more, or null"),
        ({"tasks": {"../x": TaskConfig()}}, r"'\.\./x' names files"),
    ],
)
def test_so_are_those_of_the_whole(fields: dict[str, Any], problem: str) -> None:
    with pytest.raises(ConfigError, match=problem):
        EvaluationConfig(**fields)
