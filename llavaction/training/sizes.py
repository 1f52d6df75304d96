"""The sizes of a model that decide its memory and disk space. No torch."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class BlockSizes:
    """Blocks of a transformer.

    Attributes:
        num_blocks: blocks that are computed.
        width: of the hidden states.
        key_width: of the keys, which several heads may share.
        mlp_width: of the MLP's hidden layer.
    """

    num_blocks: int
    width: int
    key_width: int
    mlp_width: int


@dataclass(frozen=True)
class ModelSizes:
    """A model and how it is trained.

    Attributes:
        num_weights, num_trained: all weights, and those that train.
        frozen_bytes: of each weight that does not train, as it is loaded.
        vision_trains: whether gradients go through the vision tower.
        vision_chunk: frames that the tower takes in at a time, 0 all.
        loss_chunk: positions whose vocabulary scores exist at a time.
    """

    decoder: BlockSizes
    vision: BlockSizes
    vocabulary: int
    patches_per_frame: int
    num_weights: int
    num_trained: int
    frozen_bytes: float
    vision_trains: bool
    vision_chunk: int
    loss_chunk: int


def model_sizes(
    hf_config: Any,
    counts: Mapping[str, Mapping[str, int]],
    *,
    frozen_bytes: float,
    vision_trains: bool,
    vision_chunk: int,
    loss_chunk: int,
) -> ModelSizes:
    """Sizes of the model that `hf_config` (a `LlavactionConfig`) describes.

    Args:
        counts: parameters by part, from `parts.count_parameters`.
    """
    text, vision = hf_config.text_config, hf_config.vision_config
    head_width = getattr(text, "head_dim", None) or text.hidden_size // text.num_attention_heads
    return ModelSizes(
        decoder=BlockSizes(
            text.num_hidden_layers, text.hidden_size, head_width * text.num_key_value_heads, text.intermediate_size
        ),
        vision=BlockSizes(
            vision.num_hidden_layers + 1 + hf_config.vision_feature_layer,
            vision.hidden_size,
            0,
            vision.intermediate_size,
        ),
        vocabulary=text.vocab_size,
        patches_per_frame=(vision.image_size // vision.patch_size) ** 2,
        num_weights=sum(entry["all"] for entry in counts.values()),
        num_trained=sum(entry["trained"] for entry in counts.values()),
        frozen_bytes=frozen_bytes,
        vision_trains=vision_trains,
        vision_chunk=vision_chunk,
        loss_chunk=loss_chunk,
    )
