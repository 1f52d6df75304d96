"""What `llavaction attention` may be asked for."""

from __future__ import annotations

import pytest

from llavaction.evaluation.attention.config import AttentionConfig
from llavaction.utils.errors import ConfigError

FILE, SAMPLES = {"file": "a.mkv"}, {"samples": "a.jsonl"}


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({}, "give samples=FILE.jsonl or file=VIDEO"),
        ({**FILE, **SAMPLES}, "give samples=FILE.jsonl or file=VIDEO"),
        ({**SAMPLES, "start_s": 1.0}, r"start_s is for file=VIDEO; questions of samples=a\.jsonl"),
        ({**SAMPLES, "stop_s": 1.0}, "stop_s is for file=VIDEO"),
        ({**SAMPLES, "question": "What?"}, "question is for file=VIDEO"),
        ({**FILE, "sample_id": "q/0"}, r"sample_id is for samples=FILE, and file=a\.mkv"),
        ({**FILE, "true_answers": True}, "true_answers is for samples=FILE"),
        ({**SAMPLES, "answer": "A. cut", "true_answers": True}, "two answers"),
        ({**FILE, "answer": " "}, "answer is empty"),
        ({**SAMPLES, "answer": "A. cut"}, r"answer = 'A\. cut' cannot be that of 20 questions.*sample_id=ID"),
        ({**SAMPLES, "num_samples": 0}, "num_samples = 0: must be 1 or more"),
        ({**SAMPLES, "max_new_tokens": 0}, "max_new_tokens = 0"),
        ({**SAMPLES, "num_heatmaps": 0}, "num_heatmaps = 0"),
        ({**SAMPLES, "num_frames": 0}, "num_frames = 0"),
        ({**SAMPLES, "first_layer": 0}, "first_layer = 0"),
        ({**SAMPLES, "last_layer": 0}, "last_layer = 0"),
        ({**SAMPLES, "first_layer": 3, "last_layer": 2}, "first_layer = 3 stands after last_layer = 2"),
    ],
)
def test_what_contradicts_itself_or_does_nothing_is_refused(fields, words):
    with pytest.raises(ConfigError, match=words):
        AttentionConfig(**fields)


@pytest.mark.parametrize(
    ("fields", "is_single"),
    [
        (FILE, True),
        ({**FILE, "start_s": 0.5, "stop_s": 2.0, "question": "What?", "answer": "cut"}, True),
        ({**SAMPLES, "sample_id": "q/0", "answer": "cut"}, True),
        ({**SAMPLES, "num_samples": 1, "answer": "cut"}, True),
        ({**SAMPLES, "true_answers": True}, False),
        ({**SAMPLES, "first_layer": 2, "last_layer": 2}, False),
    ],
)
def test_one_question_or_several(fields, is_single):
    assert AttentionConfig(**fields).is_single == is_single
