"""The saved configuration, as transformers keeps it (`config.json`)."""

from __future__ import annotations

from typing import Any

from huggingface_hub.dataclasses import strict
from transformers import AutoConfig, PreTrainedConfig

from llavaction.model.config import (
    NUM_TOKENS,
    ActionSupervision,
    Distillation,
    LossWeights,
    NewlinePosition,
    PictureMode,
    PoolMode,
    SupervisedLayers,
)
from llavaction.model.picture_layout import PictureLayout, all_grids
from llavaction.model.token_layout import TokenLayout
from llavaction.utils.errors import CheckpointError
from llavaction.utils.plain import plain


@strict
class LlavactionConfig(PreTrainedConfig):
    """Everything needed to rebuild the model: parts, layout, classes, placeholder ids, loss weights.

    `video_token_id` and `action_token_id` are rows of the vocabulary that no text uses; their embeddings are
    overwritten by visual and action vectors.
    """

    model_type = "llavaction"
    sub_configs = {"vision_config": AutoConfig, "text_config": AutoConfig}  # noqa: RUF012 - read by transformers

    vision_config: dict | PreTrainedConfig | None = None
    text_config: dict | PreTrainedConfig | None = None
    vision_feature_layer: int = -2
    pool_stride: int = 2
    pool_mode: str = PoolMode.BILINEAR.value
    newline: str = NewlinePosition.GRID.value
    pictures: str = PictureMode.AS_VIDEO.value
    picture_tiles: int = 9
    picture_grids: list | None = None
    supervision: str = ActionSupervision.NONE.value
    supervised_layers: str = SupervisedLayers.LAST_LAYER.value
    distillation: str = Distillation.NONE.value
    num_verbs: int = 0
    num_nouns: int = 0
    num_actions: int = 0
    video_token_id: int = -1
    action_token_id: int = -1
    loss_weights: dict | None = None
    tie_word_embeddings: bool = False

    def __post_init__(self, **kwargs: Any) -> None:
        self.vision_config = _sub_config(self.vision_config, "vision_config")
        self.text_config = _sub_config(self.text_config, "text_config")
        # Unknown words raise here, at the door.
        self.newline = NewlinePosition(self.newline).value
        self.pool_mode = PoolMode(self.pool_mode).value
        self.pictures = PictureMode(self.pictures).value
        if self.pictures == PictureMode.ANYRES.value:
            self.picture_grids = plain(self.picture_grids or all_grids())
        self.supervision = ActionSupervision(self.supervision).value
        self.supervised_layers = SupervisedLayers(self.supervised_layers).value
        self.distillation = Distillation(self.distillation).value
        self.loss_weights = plain(vars(LossWeights(**(self.loss_weights or {}))))
        self.tie_word_embeddings = bool(getattr(self.text_config, "tie_word_embeddings", False))
        super().__post_init__(**kwargs)

    @property
    def num_action_tokens(self) -> int:
        """Action tokens after each video."""
        return NUM_TOKENS[ActionSupervision(self.supervision)]

    @property
    def token_layout(self) -> TokenLayout:
        """The placeholders that text must hold for a video or a picture."""
        vision: Any = self.vision_config
        return TokenLayout(
            patches_per_side=vision.image_size // vision.patch_size,
            pool_stride=self.pool_stride,
            pool_mode=PoolMode(self.pool_mode),
            newline=NewlinePosition(self.newline),
            num_action_tokens=self.num_action_tokens,
            video_token_id=self.video_token_id,
            action_token_id=self.action_token_id,
            pictures=self.picture_layout,
        )

    @property
    def picture_layout(self) -> PictureLayout:
        """The views and patches that a picture is seen by."""
        vision: Any = self.vision_config
        if self.pictures != PictureMode.ANYRES:
            return PictureLayout(PictureMode(self.pictures))
        grids = tuple((rows, columns) for rows, columns in self.picture_grids or ())
        return PictureLayout(PictureMode.ANYRES, vision.image_size, grids, self.picture_tiles)


def _sub_config(value: dict[str, Any] | PreTrainedConfig | None, name: str) -> PreTrainedConfig | None:
    if not isinstance(value, dict):
        # None happens when transformers makes a default instance to compare with.
        return value
    arguments = dict(value)
    model_type = arguments.pop("model_type", None)
    if model_type is None:
        raise CheckpointError(f"{name} has no model_type; it names the transformers configuration, e.g. qwen2")
    return AutoConfig.for_model(model_type, **arguments)


# So that transformers' Auto classes, AutoTokenizer among them, know the checkpoints for what they are.
AutoConfig.register(LlavactionConfig.model_type, LlavactionConfig)
