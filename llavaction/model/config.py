"""What the model is made of, as typed words and numbers. No torch."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from llavaction.utils.enums import StrEnum
from llavaction.utils.errors import ConfigError

IGNORE = -100
"""Label of positions without supervision (the Hugging Face convention)."""
NO_LABEL = -1
"""Class label of samples whose action is not known."""


class NewlinePosition(StrEnum):
    """Where the learnable newline vector goes in the visual sequence."""

    GRID = "grid"
    """After each row of each frame: F*h*(h+1) tokens."""
    FRAME = "frame"
    """After each frame: F*(h*h+1) tokens."""
    ONE_TOKEN = "one_token"
    """After the last frame: F*h*h+1 tokens."""


class ActionSupervision(StrEnum):
    """How the model is told the action class."""

    NONE = "none"
    """Not at all: no action token, no heads."""
    ONE_TOKEN = "one_token"
    """One action token after the visual sequence, read by the verb, noun and action heads."""


@dataclass
class LossWeights:
    """Weights of the loss terms: LM + action * (verb * CE + noun * CE + action_class * CE)."""

    action: float = 0.1
    """Of all class terms together, beside the language model's loss of weight 1 (paper: 0.1; the public code divides
    them by one more than the number of supervised layers, which makes it 0.05 for one layer)."""
    verb: float = 0.5
    """Of the verb head's cross-entropy (paper: 0.5)."""
    noun: float = 0.5
    """Of the noun head's cross-entropy (paper: 0.5)."""
    action_class: float = 0.1
    """Of the action head's cross-entropy over all (verb, noun) pairs (paper: 0.1)."""

    def __post_init__(self) -> None:
        for name, value in vars(self).items():
            if not 0 <= value < float("inf"):
                raise ConfigError(f"loss weight {name} = {value}: must be 0 or more")


@dataclass
class ModelConfig:
    """Which model: a checkpoint, or parts to be put together with random weights."""

    checkpoint: str | None = None
    """Folder of a saved model; null builds a new one from the fields below."""
    tokenizer: str | None = None
    """Folder or hub id of a tokenizer with ChatML tokens, for a new model; null trains a small one on the
    texts of the mixture."""
    tokenizer_vocab_size: int = 1024
    """Vocabulary of a tokenizer trained here; narrations need few words."""
    vision: dict[str, Any] = field(default_factory=dict)
    """Arguments of the transformers vision config; `model_type` names it, e.g. siglip_vision_model."""
    decoder: dict[str, Any] = field(default_factory=dict)
    """Arguments of the transformers decoder config; `model_type` names it, e.g. qwen2. The vocabulary's size
    comes from the tokenizer unless given."""
    vision_feature_layer: int = -2
    """Hidden state of the vision tower that is read, counted from the end; -2 leaves its last block out."""
    pool_stride: int = 2
    """Patches per side are divided by this, rounding up (27 to 14 in the paper); 1 keeps all."""
    newline: NewlinePosition = NewlinePosition.GRID
    """Where newline vectors go; the paper's base models use grid."""
    supervision: ActionSupervision = ActionSupervision.ONE_TOKEN
    """Action token or none."""
    loss_weights: LossWeights = field(default_factory=LossWeights)
    """Weights of the loss terms."""
    attention: str = "sdpa"
    """Attention kernel of transformers: sdpa or eager."""
    dtype: str = "float32"
    """Type of the weights: float32 on a CPU, bfloat16 on GPUs."""

    def __post_init__(self) -> None:
        if self.vision_feature_layer >= 0:
            raise ConfigError(f"model.vision_feature_layer = {self.vision_feature_layer}: must be below 0")
        if self.pool_stride < 1:
            raise ConfigError(f"model.pool_stride = {self.pool_stride}: must be 1 or more")
        check_runtime(self.attention, self.dtype)


@dataclass
class CheckpointConfig:
    """A saved model to use."""

    checkpoint: str = "???"
    """Folder of the saved model."""
    attention: str = "sdpa"
    """Attention kernel of transformers: sdpa or eager."""
    dtype: str = "float32"
    """Type of the weights: float32 on a CPU, bfloat16 on GPUs."""

    def __post_init__(self) -> None:
        check_runtime(self.attention, self.dtype)


def check_runtime(attention: str, dtype: str) -> None:
    """Refuse words that name no kernel or type of ours."""
    if attention not in ("sdpa", "eager"):
        raise ConfigError(f"model.attention = {attention!r}: must be sdpa or eager")
    if dtype not in ("float32", "bfloat16", "float16"):
        raise ConfigError(f"model.dtype = {dtype!r}: must be float32, bfloat16 or float16")
