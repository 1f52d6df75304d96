"""What `llavaction convert` is told. No torch."""

from __future__ import annotations

from dataclasses import dataclass

from llavaction.model.checkpoints import CheckpointFormat
from llavaction.model.config import ActionSupervision, Distillation, NewlinePosition, PictureMode, SupervisedLayers
from llavaction.utils.enums import StrEnum
from llavaction.utils.errors import ConfigError


class WeightType(StrEnum):
    """Number format of converted weights."""

    KEEP = "keep"
    """As each weight has it in the source."""
    FLOAT32 = "float32"
    """32 bits."""
    BFLOAT16 = "bfloat16"
    """16 bits with the range of 32."""
    FLOAT16 = "float16"
    """16 bits; numbers beyond 65,504 are refused."""


@dataclass
class ConvertConfig:
    """A checkpoint and what becomes of it."""

    source: str = "???"
    """Folder or hub id of the checkpoint."""
    output: str = "???"
    """Folder to write; it appears when all is in it."""
    to: CheckpointFormat | None = None
    """Format to write, ours or public; null takes the one that the source is not in."""
    tokenizer: str | None = None
    """Folder or hub id of the tokenizer; null takes the source's own."""
    classes: str | None = None
    """Folder of built samples whose classes.json says what the heads' numbers mean; needed to train or evaluate
    with the action token, and to evaluate at all. Null is enough to ask questions."""
    supervision: ActionSupervision | None = None
    """Action token to add to a public checkpoint that has none, freshly initialised; null adds none."""
    supervised_layers: SupervisedLayers = SupervisedLayers.LAST_LAYER
    """Hidden states that an added action token is taught on."""
    distillation: Distillation = Distillation.NONE
    """Hidden state that an added action token's other layers are drawn to."""
    newline: NewlinePosition | None = None
    """Where newlines go from now on; null keeps what the checkpoint was trained with."""
    pictures: PictureMode | None = None
    """How pictures become tokens from now on; null keeps what the checkpoint was trained with."""
    num_frames: int = 16
    """Frames that `llavaction ask` shows the model, which public checkpoints do not say; 16, as in the paper."""
    dtype: WeightType = WeightType.KEEP
    """Number format of the weights; kept by default, so that the way back gives the same bytes."""
    max_shard_gb: float = 5.0
    """Largest file of weights in GB (10^9 bytes), which is about the memory needed; 5, as transformers has it."""
    overwrite: bool = False
    """Replace `output` when it is a checkpoint already."""
    seed: int = 0
    """Of an added action token's weights."""

    def __post_init__(self) -> None:
        if self.num_frames < 1:
            raise ConfigError(f"num_frames = {self.num_frames}: must be 1 or more")
        if not self.max_shard_gb > 0:
            raise ConfigError(f"max_shard_gb = {self.max_shard_gb}: must be above 0")
        adds_token = self.supervision not in (None, ActionSupervision.NONE)
        says_how = (self.supervised_layers, self.distillation) != (SupervisedLayers.LAST_LAYER, Distillation.NONE)
        if says_how and not adds_token:
            raise ConfigError("supervised_layers and distillation are of an added action token; set supervision too")
        if adds_token and self.to is CheckpointFormat.PUBLIC:
            raise ConfigError(f"supervision = {self.supervision} adds an action token to our format; leave it out")
