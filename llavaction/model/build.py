"""A model from a config: a checkpoint, or parts with random weights."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from transformers import AutoConfig, set_seed

from llavaction.model.config import ModelConfig
from llavaction.model.hf_config import LlavactionConfig
from llavaction.model.modeling import LlavactionForConditionalGeneration
from llavaction.utils.errors import CheckpointError, ConfigError


@dataclass(frozen=True)
class ClassCounts:
    """How many classes the heads tell apart."""

    num_verbs: int
    num_nouns: int
    num_actions: int


def new_model(
    config: ModelConfig, counts: ClassCounts, *, num_token_ids: int, eos_token_id: int, pad_token_id: int, seed: int
) -> LlavactionForConditionalGeneration:
    """Put the parts together with random weights that depend on `seed` alone.

    Args:
        num_token_ids: ids that the tokenizer can produce; the two placeholder ids must lie above them.

    Raises:
        ConfigError: when the vocabulary has no two free rows for the placeholders.
    """
    decoder = {"vocab_size": num_token_ids + 2, **config.decoder}
    if decoder["vocab_size"] < num_token_ids + 2:
        raise ConfigError(
            f"model.decoder.vocab_size = {decoder['vocab_size']}: the tokenizer has {num_token_ids} ids and the "
            f"visual and action placeholders need two more; set it to {num_token_ids + 2} or above"
        )
    hf_config = LlavactionConfig(
        vision_config=_known(config.vision, "vision"),
        text_config=_known({**decoder, "eos_token_id": eos_token_id, "pad_token_id": pad_token_id}, "decoder"),
        vision_feature_layer=config.vision_feature_layer,
        pool_stride=config.pool_stride,
        newline=config.newline.value,
        supervision=config.supervision.value,
        num_verbs=counts.num_verbs,
        num_nouns=counts.num_nouns,
        num_actions=counts.num_actions,
        video_token_id=decoder["vocab_size"] - 2,
        action_token_id=decoder["vocab_size"] - 1,
        loss_weights=vars(config.loss_weights),
    )
    hf_config._attn_implementation = config.attention
    set_seed(seed)
    model = LlavactionForConditionalGeneration(hf_config).to(getattr(torch, config.dtype))
    generation: Any = model.generation_config
    generation.eos_token_id, generation.pad_token_id = eos_token_id, pad_token_id
    return model


def load_model(folder: Path, *, dtype: str, attention: str) -> LlavactionForConditionalGeneration:
    """Load a saved model.

    Raises:
        CheckpointError: when the folder holds none, or its weights do not fit.
    """
    if not (folder / "config.json").is_file():
        raise CheckpointError(
            f"{folder}: no checkpoint (no config.json); set model.checkpoint to a saved model's folder"
        )
    model: LlavactionForConditionalGeneration = LlavactionForConditionalGeneration.from_pretrained(
        folder, dtype=getattr(torch, dtype), attn_implementation=attention
    )
    return model


def _known(arguments: dict[str, Any], part: str) -> dict[str, Any]:
    """`arguments`, all of which the transformers configuration must know: it would keep a typo without a word."""
    model_type = arguments.get("model_type")
    if not isinstance(model_type, str):
        raise ConfigError(f"model.{part}.model_type is missing; choose a model with model=NAME, or a checkpoint")
    try:
        known = set(AutoConfig.for_model(model_type).to_dict())
    except ValueError as error:
        raise ConfigError(f"model.{part}.model_type = {model_type!r}: {error}") from None
    unknown = sorted(set(arguments) - known)
    if unknown:
        raise ConfigError(f"model.{part} has unknown arguments {unknown}; {model_type} knows {sorted(known)}")
    return arguments
