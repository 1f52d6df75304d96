"""What a build cannot be asked for."""

from __future__ import annotations

from typing import Any

import pytest

from llavaction.annotations.epic_kitchens import Split
from llavaction.sft.config import SftConfig
from llavaction.sft.narrations import AnswerText, OptionText
from llavaction.sft.replay import ReplayConfig
from llavaction.sft.samples import View
from llavaction.utils.errors import ConfigError


@pytest.mark.parametrize(
    ("options", "problem"),
    [
        ({"num_options": 1}, r"sft\.num_options = 1: must be 2 to 26"),
        ({"num_options": 27}, r"sft\.num_options = 27: must be 2 to 26"),
        ({"num_candidates": 1}, r"sft\.num_candidates = 1: must be 2 to 26"),
        ({"num_candidates": 27}, r"sft\.num_candidates = 27: must be 2 to 26"),
        ({"splits": []}, r"sft\.splits = \[\]: must name at least one"),
        ({"views": [View.MQA, View.MQA]}, r"sft\.views = \['mqa', 'mqa'\]: must name at least one, none twice"),
        ({"num_shards": 0}, r"sft\.num_shards = 0 must be 1 or more"),
        ({"num_workers": -1}, r"sft\.num_workers = -1 0 or more"),
        ({"option_text": OptionText.CLASS_KEY}, r"set sft\.answer_text=like_options"),
        ({"option_text": OptionText.CLASS_KEY, "views": [View.TEMPORAL_ORDER]}, r"set sft\.answer_text=like_options"),
        ({"views": [View.CANDIDATES]}, r"candidates are for evaluation .*: set sft\.splits=\[validation\]"),
        ({"views": [View.MQA, View.CANDIDATES], "splits": [Split.TRAIN]}, "made for validation alone"),
        ({"views": [View.REPLAY]}, r"set sft\.replay\.path=FILE"),
        (
            {"views": [View.REPLAY], "splits": [Split.VALIDATION], "replay": ReplayConfig("mix.json")},
            "replay is made for training alone",
        ),
        ({"views": [View.CAPTION]}, r"set sft\.clip_annotations=\[FILE\]"),
        ({"views": [View.MQA, View.QA]}, r"set sft\.clip_annotations=\[FILE\]"),
    ],
)
def test_options_that_cannot_be_built_are_refused(options: dict[str, Any], problem: str) -> None:
    with pytest.raises(ConfigError, match=problem):
        SftConfig(**options)


@pytest.mark.parametrize(
    "options",
    [
        {"num_options": 2},
        {"num_options": 26},
        {"option_text": OptionText.CLASS_KEY, "answer_text": AnswerText.LIKE_OPTIONS},
        {"views": [View.REPLAY], "splits": [Split.TRAIN], "replay": ReplayConfig("mix.json")},
        {"views": [View.QA], "clip_annotations": ["annotations.jsonl"]},
        {"views": [View.MQA, View.CANDIDATES], "splits": [Split.VALIDATION], "num_candidates": 26},
        {"views": [View.CANDIDATES], "splits": [Split.VALIDATION], "option_text": OptionText.CLASS_KEY},
    ],
)
def test_what_can_be_built(options: dict[str, Any]) -> None:
    assert {name: getattr(SftConfig(**options), name) for name in options} == options
