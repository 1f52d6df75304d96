"""Adapters in a training run: which runs they fit, and which weights train beside them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from transformers import PreTrainedModel

from llavaction.model.config import ModelConfig
from llavaction.model.lora.adapted import AdaptedModel, add_lora
from llavaction.model.lora.base import Base, is_adapter
from llavaction.model.lora.config import LoraConfig, LoraTargets, Quantization
from llavaction.training.config import Part, Precision, TrainConfig
from llavaction.training.parts import freeze_parts
from llavaction.utils.errors import ConfigError
from llavaction.utils.processes import process_rank

ADAPTED_PARTS = (Part.VISION, Part.DECODER)
"""Parts whose own weights never train beside adapters."""


def check_lora(lora: LoraConfig, model: ModelConfig, train: TrainConfig, deepspeed: dict[str, Any]) -> None:
    """Refuse settings that do not go together with adapters.

    Raises:
        ConfigError: naming both settings.
    """
    if not lora.is_on:
        return
    asked = f"lora.targets={lora.targets}"
    if model.checkpoint is None:
        raise ConfigError(
            f"{asked} adds to a saved model, and model.checkpoint is not set; give model.checkpoint=FOLDER"
        )
    if is_adapter(Path(model.checkpoint)):
        raise ConfigError(
            f"{asked} adds to a whole model, and {model.checkpoint} is an adapter; merge it first: "
            f"llavaction merge checkpoint={model.checkpoint} output=FOLDER"
        )
    adapted = {Part.DECODER} | ({Part.VISION} if lora.targets is LoraTargets.DECODER_AND_VISION else set())
    for part in train.freeze:
        if part in adapted:
            raise ConfigError(f"train.freeze names {part}, where {asked} trains adapters; leave it out of one of them")
    if train.precision is Precision.FP32 and model.dtype != "float32":
        raise ConfigError(
            f"train.precision=fp32 with model.dtype={model.dtype}: adapters are float32 and need train.precision=bf16 "
            "beside such a base, or model.dtype=float32"
        )
    if deepspeed.get("zero_optimization", {}).get("stage") == 3 and lora.quantize is not Quantization.NONE:
        raise ConfigError(
            f"lora.quantize={lora.quantize} keeps the base whole on each GPU; use deepspeed=zero2 or none"
        )


def with_lora(model: PreTrainedModel, lora: LoraConfig, checkpoint: Path, train: TrainConfig) -> AdaptedModel:
    """The saved model of `checkpoint` with adapters, its own weights frozen but for the parts that train in full."""
    # The first process writes all checkpoints; the others need not read the base once more.
    base = Base.of(checkpoint) if process_rank() == 0 else Base(checkpoint, {})
    adapted = add_lora(model, lora, base, train.seed)
    freeze_parts(adapted, [*ADAPTED_PARTS, *train.freeze])
    for weight in adapted.parameters():
        if weight.requires_grad:
            # Steps at these rates are lost in bfloat16's rounding.
            weight.data = weight.data.float()
    return adapted
