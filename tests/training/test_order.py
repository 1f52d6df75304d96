"""The stream that a run asks for."""

from __future__ import annotations

import logging
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from llavaction.processing.lengths import count_tokens
from llavaction.sft.classes import ClassTable
from llavaction.sft.samples import ClipRef, Role, Sample, Turn, View
from llavaction.testing.tiny import tiny_model, tiny_model_config, tiny_processor
from llavaction.training import order
from llavaction.training.config import TrainConfig
from llavaction.training.order import padding_share, sample_stream
from llavaction.training.spec import TrainingRun
from llavaction.training.steps import StepPlan
from llavaction.training.stream import EpochStream, GroupedStream
from llavaction.utils.errors import DataError
from llavaction.video.layout import VideoConfig

CPU = torch.device("cpu")
PLAN = StepPlan(num_steps=10, batch_size=2, accumulation=2, num_processes=2)


@pytest.fixture(scope="module")
def processor():
    return tiny_processor(tiny_model())


@pytest.fixture(scope="module")
def run():
    """40 clips with questions of very different lengths."""
    clip = ClipRef("P01_01", 0.0, 1.0)
    samples = [
        Sample(str(n), View.DIRECT, str(n), clip, (Turn(Role.USER, "a " * (n * 7 % 41)), Turn(Role.ASSISTANT, "b")))
        for n in range(40)
    ]
    train = TrainConfig(group_by_length=True, seed=3)
    return TrainingRun(
        Path("run"), samples, ClassTable((), (), (), {}), VideoConfig("v"), tiny_model_config(), train, {}
    )


def test_samples_come_as_they_are_drawn_unless_grouping_is_asked_for(run, processor):
    plain = replace(run, train=TrainConfig(seed=3))
    assert list(sample_stream(plain, processor, PLAN, CPU, start=8)) == list(EpochStream(40, 80, 3, start=8))


def test_grouped_by_their_tokens(run, processor, caplog):
    caplog.set_level(logging.INFO)
    stream = sample_stream(run, processor, PLAN, CPU, start=16)
    counts = count_tokens(run.samples, processor)
    assert list(stream) == list(GroupedStream(counts, 8, 80, 3, start=16))
    assert f"{counts.max()} at most; grouped by length" in caplog.text


def test_processes_count_a_part_each(run, processor, monkeypatch):
    expected = count_tokens(run.samples, processor)
    parts = []
    monkeypatch.setattr(torch.distributed, "all_reduce", lambda counts: parts.append(counts.clone()))
    monkeypatch.setattr(order, "num_processes", lambda: 3)
    for rank in range(3):
        monkeypatch.setattr(order, "process_rank", lambda rank=rank: rank)
        sample_stream(run, processor, PLAN, CPU)
    assert sum(parts).tolist() == expected.tolist()
    assert all((part == 0).sum() > 20 for part in parts)


def test_a_sample_that_is_too_long_stops_a_run_before_it_begins(run, processor):
    strict = type(processor)(processor.tokenizer, replace(processor.config, max_length=20))
    with pytest.raises(DataError, match="tokens, the limit is 20"):
        sample_stream(run, strict, PLAN, CPU)


def test_the_share_of_padding():
    assert padding_share(np.array([4, 4, 2, 6]), 2) == pytest.approx(1 - 16 / 20)
    assert padding_share(np.array([6, 4, 4, 2, 9]), 2) == pytest.approx(1 - 16 / 20)
    assert padding_share(np.array([3]), 2) == 0


def mixture_of_the_paper(num=20_000):
    """Made-up lengths: 16 frames with short and long answers, videos and pictures of other data, and text alone."""
    rng = np.random.default_rng(0)
    clips = 3361 + np.concatenate([rng.integers(100, 135, num * 2 // 5), rng.integers(35, 80, num // 5)])
    words = 3361 + rng.normal(160, 30, num // 5).astype(int)
    video, text, picture = (rng.lognormal(mean, 0.8, num // 15).astype(int) for mean in (5.5, 5.8, 5.3))
    return np.concatenate([clips, words, 3380 + video, 30 + text, 240 + picture])


@pytest.mark.parametrize("at_a_time", [4, 8, 32])
def test_grouping_saves_padding_and_waiting(at_a_time):
    lengths = mixture_of_the_paper()
    num = len(lengths)

    def share(stream):
        return padding_share(lengths[np.array(list(stream)) % num], at_a_time)

    assert share(EpochStream(num, num, 0)) > 0.1
    assert share(GroupedStream(lengths, 64, num, 0)) < 0.25 * share(EpochStream(num, num, 0))
