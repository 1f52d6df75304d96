"""Settings that do not go together: those that fail are refused, those that end badly draw a warning."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from llavaction.model.config import ActionSupervision
from llavaction.training.config import Part, Precision
from llavaction.training.lora import check_lora
from llavaction.training.spec import TrainingRun
from llavaction.utils.errors import ConfigError


def check_combinations(run: TrainingRun) -> None:
    """Refuse what is known to fail, before anything is loaded.

    Raises:
        ConfigError: naming both settings and what to take instead.
    """
    check_lora(run.lora, run.model, run.train, run.deepspeed)
    zero: dict[str, Any] = run.deepspeed.get("zero_optimization", {})
    stage = zero.get("stage", 0)
    for key, least in (("offload_optimizer", 1), ("offload_param", 3)):
        if dict(zero.get(key) or {}).get("device", "none") != "none" and stage < least:
            raise ConfigError(
                f"deepspeed.zero_optimization.{key} needs ZeRO stage {least} or above, and the stage is {stage}; "
                "use deepspeed=zero2_offload or zero3_offload"
            )
    if run.model.attention.startswith("flash") and run.train.precision is Precision.FP32:
        raise ConfigError(
            f"model.attention={run.model.attention} computes in 16 bits only, and train.precision=fp32; use "
            "model.attention=sdpa or train.precision=bf16"
        )
    if run.train.precision is Precision.FP16 and run.model.dtype == "float16" and not run.deepspeed:
        raise ConfigError(
            "train.precision=fp16 scales gradients, which works on float32 weights only, and model.dtype=float16; use "
            "model.dtype=float32, or train.precision=bf16"
        )


def warnings(run: TrainingRun) -> Iterator[str]:
    """What works, but probably not as meant."""
    train, model = run.train, run.model
    if model.dtype != "float32" and not run.deepspeed and not run.lora.is_on:
        yield (
            f"model.dtype={model.dtype}: steps at these learning rates are lost in the rounding of such weights; use "
            "model.dtype=float32 (train.precision=bf16 still computes in 16 bits), or DeepSpeed, which keeps float32 "
            "ones"
        )
    if train.precision is Precision.FP16:
        yield "train.precision=fp16: weights trained in bf16, as the public ones are, overflow in it; use bf16"
    teaches = model.supervision is not ActionSupervision.NONE and Part.ACTION not in train.freeze
    if teaches and train.max_steps != 0 and not any(sample.action is not None for sample in run.samples):
        yield (
            f"model.supervision={model.supervision}, and no sample of the mixture has a class label: the action token "
            "learns from the text alone"
        )
    if train.num_workers == 0 and any(sample.clip is not None for sample in run.samples):
        yield "train.num_workers=0: each step waits for its clips to be decoded; use 2 or more"
