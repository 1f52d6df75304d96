from pathlib import Path

import pytest

from llavaction.model.config import ActionSupervision, ModelConfig
from llavaction.sft.classes import ClassTable
from llavaction.sft.samples import ClipRef, Role, Sample, Turn, View
from llavaction.training.combinations import check_combinations, warnings
from llavaction.training.config import Part, Precision, TrainConfig
from llavaction.training.spec import TrainingRun
from llavaction.utils.errors import ConfigError
from llavaction.video.layout import VideoConfig

TURNS = (Turn(Role.USER, "What am I doing?"), Turn(Role.ASSISTANT, "take cup"))
CLIP = Sample("direct/0", View.DIRECT, "0", ClipRef("P01_01", 0.0, 1.0), TURNS, None)
OFFLOADED = {"device": "cpu"}


def make_run(train=None, deepspeed=None, samples=(CLIP,), **model):
    return TrainingRun(
        Path("run"),
        list(samples),
        ClassTable((), (), (), {}),
        VideoConfig("videos"),
        ModelConfig(checkpoint="saved", **model),
        TrainConfig(**{"precision": Precision.FP32, "num_workers": 2, **(train or {})}),
        deepspeed or {},
    )


@pytest.mark.parametrize(
    ("run", "message"),
    [
        (
            {"deepspeed": {"zero_optimization": {"stage": 0, "offload_optimizer": OFFLOADED}}},
            "offload_optimizer needs ZeRO stage 1 or above.*deepspeed=zero2_offload",
        ),
        (
            {"deepspeed": {"zero_optimization": {"stage": 2, "offload_param": OFFLOADED}}},
            "offload_param needs ZeRO stage 3",
        ),
        ({"attention": "flash_attention_2"}, "16 bits only.*model.attention=sdpa"),
        ({"train": {"precision": Precision.FP16}, "dtype": "float16"}, "model.dtype=float32"),
    ],
)
def test_what_fails_is_refused(run, message):
    with pytest.raises(ConfigError, match=message):
        check_combinations(make_run(**run))


@pytest.mark.parametrize(
    ("run", "message"),
    [
        ({"dtype": "bfloat16", "train": {"precision": Precision.BF16}}, "lost in the rounding"),
        ({"train": {"precision": Precision.FP16}}, "overflow"),
        ({}, "no sample of the mixture has a class label"),
        ({"train": {"num_workers": 0}}, "num_workers=0"),
    ],
)
def test_what_ends_badly_draws_a_warning(run, message):
    check_combinations(make_run(**run))
    assert any(message in warning for warning in warnings(make_run(**run)))


def test_a_sound_run_draws_none():
    sound = make_run(supervision=ActionSupervision.NONE, train={"freeze": [Part.VISION]})
    check_combinations(sound)
    assert list(warnings(sound)) == []
