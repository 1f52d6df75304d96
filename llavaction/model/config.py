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
ATTENTION_KERNELS = ("sdpa", "eager", "flash_attention_2", "flash_attention_3", "flex_attention")
"""Names that transformers gives them; the first two run anywhere."""


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
    THREE_TOKENS = "three_tokens"
    """Three tokens, one for each head."""
    NEWLINE = "newline"
    """No token: the heads read the last visual token, which is a newline."""


NUM_TOKENS = {
    ActionSupervision.NONE: 0,
    ActionSupervision.ONE_TOKEN: 1,
    ActionSupervision.THREE_TOKENS: 3,
    ActionSupervision.NEWLINE: 0,
}
"""Action tokens after the visual sequence."""


class SupervisedLayers(StrEnum):
    """Which hidden states of the action token the heads are taught on."""

    LAST_LAYER = "last_layer"
    """The decoder's output, after its final norm."""
    FIRST_LAYER = "first_layer"
    """The decoder's input: the embedding itself."""
    ALL_LAYERS = "all_layers"
    """Input, output of every block, and the final norm's instead of the last block's."""


class Distillation(StrEnum):
    """Which hidden state of the action token the other layers are drawn to."""

    NONE = "none"
    """None."""
    FROM_LAST = "from_last"
    """The decoder's output."""
    FROM_FIRST = "from_first"
    """The decoder's input."""


class PoolMode(StrEnum):
    """How the patches of a frame become fewer."""

    BILINEAR = "bilinear"
    """Interpolated to a smaller grid (paper)."""
    AVERAGE = "average"
    """Mean of the patches of each cell."""
    MAX = "max"
    """Largest value of each feature in each cell."""


class PictureMode(StrEnum):
    """How a picture becomes visual tokens; videos are always pooled frames."""

    AS_VIDEO = "as_video"
    """As a video of one frame: pooled, newlines as in videos."""
    WHOLE = "whole"
    """Made square whatever its shape: all patches and a newline, as public models with `square` see it."""
    WHOLE_PADDED = "whole_padded"
    """The same with grey bars instead of another shape: public models with `pad`."""
    ANYRES = "anyres"
    """The whole picture, and again in tiles of full resolution: public models with `anyres_max_9`. Of several pictures
    in a sample each is as with `whole_padded`, as public models were taught it."""


class LossKernel(StrEnum):
    """How the language model's loss gets its scores of the vocabulary; always at labelled positions alone."""

    CHUNKED = "chunked"
    """Some positions at a time, forward and backward; on any device."""
    DENSE = "dense"
    """All at once, by plain torch: to compare with."""
    LIGER = "liger"
    """Liger's fused kernel; needs a GPU and the package liger-kernel (extra `fast`)."""


LOSS_CHUNK = 512
"""Positions whose scores exist at a time: 0.3 GB in float32 with 152,064 words, and matrices large enough for a GPU."""


class LayerAverage(StrEnum):
    """What the losses of several layers are divided by."""

    MEAN = "mean"
    """Their number: one layer counts in full."""
    REFERENCE = "reference"
    """As in the public code: one more than the number of supervised layers, so that one layer counts half; and for
    distillation the number of all hidden states, of which one is the teacher."""


@dataclass
class LossWeights:
    """Weights of the loss terms: LM + action * (verb * CE + noun * CE + action_class * CE) + distillation * KL.

    With `layer_average` = reference and the other defaults these are the public code's numbers.
    """

    action: float = 0.1
    """Of all class terms together, beside the language model's loss of weight 1 (paper: 0.1)."""
    verb: float = 0.5
    """Of the verb head's cross-entropy (paper: 0.5)."""
    noun: float = 0.5
    """Of the noun head's cross-entropy (paper: 0.5)."""
    action_class: float = 0.1
    """Of the action head's cross-entropy over all (verb, noun) pairs (paper: 0.1)."""
    distillation: float = 0.1
    """Of the divergence between the action token's layers (public code: 0.1); without effect unless
    `model.distillation` names a teacher."""
    layer_average: LayerAverage = LayerAverage.MEAN
    """What the losses of several layers are divided by; the mean, which does not depend on how many there are."""

    def __post_init__(self) -> None:
        self.layer_average = LayerAverage(self.layer_average)
        for name in ("action", "verb", "noun", "action_class", "distillation"):
            value = getattr(self, name)
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
    pool_mode: PoolMode = PoolMode.BILINEAR
    """How patches become fewer; bilinear, as in the paper."""
    newline: NewlinePosition = NewlinePosition.GRID
    """Where newline vectors go; the paper's base models use grid."""
    pictures: PictureMode = PictureMode.AS_VIDEO
    """How pictures become tokens; as videos, which asks nothing new of a model for videos. Converted public checkpoints
    keep their own way."""
    picture_tiles: int = 9
    """For `anyres`: a picture whose tiles hold more patches than so many of them is seen smaller (public models: 9); 0
    keeps all."""
    supervision: ActionSupervision = ActionSupervision.ONE_TOKEN
    """Action token or none."""
    supervised_layers: SupervisedLayers = SupervisedLayers.LAST_LAYER
    """Hidden states that the heads are taught on; the last, as in the paper's main results."""
    distillation: Distillation = Distillation.NONE
    """Hidden state that the action token's other layers are drawn to. What the public code calls
    `normal_distillation` and `reverse_distillation` is from_last and from_first with all layers supervised."""
    loss_weights: LossWeights = field(default_factory=LossWeights)
    """Weights of the loss terms."""
    attention: str = "sdpa"
    """Attention kernel of transformers: sdpa or eager; on GPUs also flash_attention_2, flash_attention_3 (packages of
    their own) and flex_attention."""
    dtype: str = "float32"
    """Type of the weights: float32 on a CPU, bfloat16 on GPUs."""
    vision_chunk: int = 0
    """Frames that the vision tower takes in at a time, 0 all: less memory for what is recomputed or not kept."""
    compile: bool = False
    """torch.compile each block of tower and decoder: minutes at the start, worth them on long runs only."""
    loss_kernel: LossKernel = LossKernel.CHUNKED
    """How the language model's loss is computed; chunks need the least memory without any package."""
    loss_chunk: int = LOSS_CHUNK
    """Positions per chunk of that loss, for `chunked`."""

    def __post_init__(self) -> None:
        if self.vision_feature_layer >= 0:
            raise ConfigError(f"model.vision_feature_layer = {self.vision_feature_layer}: must be below 0")
        if self.pool_stride < 1:
            raise ConfigError(f"model.pool_stride = {self.pool_stride}: must be 1 or more")
        if self.picture_tiles < 0:
            raise ConfigError(f"model.picture_tiles = {self.picture_tiles}: must be 0 (all patches) or more")
        if self.supervision is ActionSupervision.NONE and self.distillation is not Distillation.NONE:
            raise ConfigError(f"model.distillation = {self.distillation} needs an action token; set model.supervision")
        if self.vision_chunk < 0:
            raise ConfigError(f"model.vision_chunk = {self.vision_chunk}: must be 0 (all frames at once) or more")
        if self.loss_chunk < 1:
            raise ConfigError(f"model.loss_chunk = {self.loss_chunk}: must be 1 or more")
        self.loss_kernel = LossKernel(self.loss_kernel)
        check_runtime(self.attention, self.dtype)


@dataclass
class CheckpointConfig:
    """A saved model to use."""

    checkpoint: str = "???"
    """Folder of the saved model."""
    attention: str = "sdpa"
    """Attention kernel of transformers: sdpa or eager; on GPUs also flash_attention_2, flash_attention_3 (packages of
    their own) and flex_attention."""
    dtype: str = "float32"
    """Type of the weights: float32 on a CPU, bfloat16 on GPUs."""

    def __post_init__(self) -> None:
        check_runtime(self.attention, self.dtype)


def check_runtime(attention: str, dtype: str) -> None:
    """Refuse words that name no kernel or type of ours."""
    if attention not in ATTENTION_KERNELS:
        raise ConfigError(f"model.attention = {attention!r}: must be one of {', '.join(ATTENTION_KERNELS)}")
    if dtype not in ("float32", "bfloat16", "float16"):
        raise ConfigError(f"model.dtype = {dtype!r}: must be float32, bfloat16 or float16")
