"""A model from a config: a checkpoint, or parts with random weights."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

import torch
from transformers import AutoConfig, set_seed

from llavaction.model.checkpoints import CheckpointFormat, format_of
from llavaction.model.config import ModelConfig
from llavaction.model.hf_config import LlavactionConfig
from llavaction.model.kernels import check_attention, check_loss_kernel, compile_blocks
from llavaction.model.lora.base import base_of, is_adapter
from llavaction.model.lora.config import Quantization
from llavaction.model.lora.quantization import quantized_loading
from llavaction.model.modeling import LlavactionForConditionalGeneration
from llavaction.model.objective import ActionObjective
from llavaction.model.towers import KINDS
from llavaction.utils.errors import CheckpointError, ConfigError
from llavaction.utils.plain import plain

_STRUCTURE = (
    "newline",
    "pool_stride",
    "pool_mode",
    "pictures",
    "picture_tiles",
    "vision_feature_layer",
    "supervision",
)
"""What a checkpoint keeps: fields of `ModelConfig` that build a new model and cannot change a saved one."""

_LOGIT_SETTINGS = ("final_logit_softcapping", "logits_scaling", "logit_scale", "lm_head_multiplier")
"""Names under which decoders of transformers keep what they do to the LM head's output."""


@dataclass(frozen=True)
class ClassCounts:
    """How many classes the heads tell apart."""

    num_verbs: int
    num_nouns: int
    num_actions: int


def new_config(
    config: ModelConfig, counts: ClassCounts, *, num_token_ids: int, eos_token_id: int, pad_token_id: int
) -> LlavactionConfig:
    """The saved configuration of a model that is put together from parts.

    Args:
        num_token_ids: ids that the tokenizer can produce; the two placeholder ids must lie above them.

    Raises:
        ConfigError: when the vocabulary has no two free rows for the placeholders, or a kernel cannot run here.
    """
    check_attention(config.attention)
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
        pool_mode=config.pool_mode.value,
        newline=config.newline.value,
        pictures=config.pictures.value,
        picture_tiles=config.picture_tiles,
        supervision=config.supervision.value,
        supervised_layers=config.supervised_layers.value,
        distillation=config.distillation.value,
        num_verbs=counts.num_verbs,
        num_nouns=counts.num_nouns,
        num_actions=counts.num_actions,
        video_token_id=decoder["vocab_size"] - 2,
        action_token_id=decoder["vocab_size"] - 1,
        loss_weights=plain(vars(config.loss_weights)),
    )
    hf_config._attn_implementation = config.attention
    _check_decoder(hf_config.text_config)
    return hf_config


def new_model(
    config: ModelConfig, counts: ClassCounts, *, num_token_ids: int, eos_token_id: int, pad_token_id: int, seed: int
) -> LlavactionForConditionalGeneration:
    """Put the parts together with random weights that depend on `seed` alone; see `new_config`."""
    ids = {"num_token_ids": num_token_ids, "eos_token_id": eos_token_id, "pad_token_id": pad_token_id}
    return random_model(config, new_config(config, counts, **ids), seed)


def random_model(config: ModelConfig, hf_config: LlavactionConfig, seed: int) -> LlavactionForConditionalGeneration:
    """The model of a configuration from `new_config`."""
    set_seed(seed)
    model = LlavactionForConditionalGeneration(hf_config).to(getattr(torch, config.dtype))
    text, generation = cast("Any", hf_config.text_config), cast("Any", model.generation_config)
    generation.eos_token_id, generation.pad_token_id = text.eos_token_id, text.pad_token_id
    # Placeholders are no words; their rows of the LM head are never taught not to win.
    generation.suppress_tokens = [hf_config.video_token_id, hf_config.action_token_id]
    use_kernels(model, config)
    return model


def load_model(
    folder: Path,
    *,
    dtype: str,
    attention: str,
    quantize: Quantization = Quantization.NONE,
    base: Path | None = None,
) -> LlavactionForConditionalGeneration:
    """Load a saved model; an adapter comes merged into its base.

    Args:
        dtype: type of the weights; auto takes the type that they are saved in.
        quantize: form of the decoder's weights; of a whole model only.
        base: where an adapter's base lies now, if it has moved.

    Raises:
        CheckpointError: when the folder holds none or a public one, its weights do not fit, or an adapter's base is
            another.
        ConfigError: when the attention kernel cannot run here.
    """
    check_attention(attention)
    if is_adapter(folder):
        from llavaction.model.lora.adapted import merge_adapter  # peft takes seconds to import

        adapted = load_model(base_of(folder, base), dtype=dtype, attention=attention)
        merge_adapter(adapted, folder)
        return adapted
    if not (folder / "config.json").is_file():
        raise CheckpointError(
            f"{folder}: no checkpoint (no config.json); set model.checkpoint to a saved model's folder"
        )
    if format_of(folder) is CheckpointFormat.PUBLIC:
        raise CheckpointError(
            f"{folder} is a checkpoint in the public format; convert it with "
            f"`llavaction convert source={folder} output=FOLDER`"
        )
    model: LlavactionForConditionalGeneration = LlavactionForConditionalGeneration.from_pretrained(
        folder,
        dtype=dtype if dtype == "auto" else getattr(torch, dtype),
        attn_implementation=attention,
        **quantized_loading(quantize, dtype),
    )
    return model


def use_kernels(model: LlavactionForConditionalGeneration, config: ModelConfig) -> None:
    """Let a model, just built or loaded, compute its loss and its blocks as `config` says.

    Raises:
        ConfigError: when this machine cannot.
    """
    check_loss_kernel(config.loss_kernel)
    model.loss_kernel, model.loss_chunk = config.loss_kernel, config.loss_chunk
    model.vision.chunk = config.vision_chunk
    if config.compile:
        compile_blocks(model.vision.tower.encoder.layers, model.decoder.layers)


def train_on(model: LlavactionForConditionalGeneration, config: ModelConfig) -> None:
    """Let a loaded model be taught, and compute, as `config` says.

    Raises:
        ConfigError: when `config` asks for another structure than the model has, or this machine cannot compute so.
    """
    hf_config = model.config
    for name in _STRUCTURE:
        asked, found = getattr(config, name), getattr(hf_config, name)
        if asked != found and asked != ModelConfig.__dataclass_fields__[name].default:
            raise ConfigError(
                f"model.{name} = {asked}, but {config.checkpoint} was made with {found}, which a checkpoint keeps; "
                "leave it out"
            )
    hf_config.supervised_layers = config.supervised_layers.value
    hf_config.distillation = config.distillation.value
    hf_config.loss_weights = plain(vars(config.loss_weights))
    model.objective = ActionObjective(config.supervised_layers, config.distillation, config.loss_weights)
    use_kernels(model, config)


def _check_decoder(text_config: Any) -> None:
    """Refuse decoders whose language model does more than a linear head: it would be left out without a word."""
    scaled = [name for name in _LOGIT_SETTINGS if getattr(text_config, name, None) not in (None, 1)]
    if scaled:
        raise ConfigError(
            f"model.decoder.model_type = {text_config.model_type!r} changes its logits by {scaled}, which this model "
            "does not know; set them to null or choose another decoder"
        )


def _known(arguments: dict[str, Any], part: str) -> dict[str, Any]:
    """`arguments`, all of which the transformers configuration must know: it would keep a typo without a word."""
    model_type = arguments.get("model_type")
    if not isinstance(model_type, str):
        raise ConfigError(f"model.{part}.model_type is missing; choose a model with model=NAME, or a checkpoint")
    try:
        known = set(AutoConfig.for_model(model_type).to_dict())
    except ValueError as error:
        raise ConfigError(f"model.{part}.model_type = {model_type!r}: {error}") from None
    if model_type in KINDS and KINDS[model_type].takes_patches:
        known.add("image_size")  # ours: such a model sees frames of any size
    unknown = sorted(set(arguments) - known)
    if unknown:
        raise ConfigError(f"model.{part} has unknown arguments {unknown}; {model_type} knows {sorted(known)}")
    return arguments
