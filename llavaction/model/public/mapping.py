"""Public configurations and ours: the same model, said twice."""

from __future__ import annotations

from typing import Any

from llavaction.model.config import (
    ActionSupervision,
    Distillation,
    LayerAverage,
    NewlinePosition,
    PictureMode,
    PoolMode,
    SupervisedLayers,
)
from llavaction.model.hf_config import LlavactionConfig
from llavaction.model.picture_layout import AS_VIDEO
from llavaction.model.public.config import PublicConfig
from llavaction.model.public.tables import (
    FEATURE_LAYER,
    NEEDED,
    OPTIONAL,
    POOL_STRIDE,
    SO400M,
    SO400M_NAME,
    TOWER_CONSTANTS,
    TRAINING,
    WINDOW,
)
from llavaction.utils.errors import ConfigError
from llavaction.utils.plain import plain


def to_our_config(
    public: PublicConfig, num_classes: tuple[int, int, int], num_rows: int, eos_token_id: int, pad_token_id: int
) -> LlavactionConfig:
    """Our configuration of a public model.

    Args:
        num_rows: rows of the vocabulary; the visual and the action placeholder take the last two.
    """
    layers, distillation = TRAINING[public.training or "last_layer"]
    decoder = {
        **public.decoder,
        "vocab_size": num_rows,
        "eos_token_id": eos_token_id,
        "pad_token_id": pad_token_id,
        "rope_parameters": {"rope_type": "default", "rope_theta": public.rope_theta},
    }
    num_verbs, num_nouns, num_actions = num_classes
    pictures = public.pictures or AS_VIDEO
    return LlavactionConfig(
        vision_config={"model_type": "siglip_vision_model", "vision_use_head": False, **public.vision},
        text_config={"model_type": "qwen2", **decoder},
        vision_feature_layer=FEATURE_LAYER,
        pool_stride=POOL_STRIDE,
        pool_mode=public.pool_mode.value,
        newline=public.newline.value,
        pictures=pictures.mode.value,
        picture_tiles=pictures.max_tiles,
        picture_grids=plain(pictures.grids) or None,
        supervision=public.supervision.value,
        supervised_layers=layers.value,
        distillation=distillation.value,
        num_verbs=num_verbs,
        num_nouns=num_nouns,
        num_actions=num_actions,
        video_token_id=num_rows - 2,
        action_token_id=num_rows - 1,
        # Trained further, a model with an action token keeps the loss that it was made with.
        loss_weights={"layer_average": LayerAverage.REFERENCE.value} if public.training else None,
    )


def to_public_config(config: LlavactionConfig, max_length: int) -> PublicConfig:
    """Our configuration in public words.

    Raises:
        ConfigError: when the public format has no word for something.
    """
    text: Any = config.text_config
    vision: Any = config.vision_config
    rope = text.rope_parameters
    _check("the decoder", text.model_type, "qwen2")
    _check("the rotary positions' rope_type", rope["rope_type"], "default")
    _check("vision_feature_layer", config.vision_feature_layer, FEATURE_LAYER)
    _check("pool_stride", config.pool_stride, POOL_STRIDE)
    for field, value in TOWER_CONSTANTS.items():
        _check(f"the vision tower's {field}", getattr(vision, field), value)
    fields = (*NEEDED, *OPTIONAL, *(WINDOW if text.use_sliding_window else ()))
    tower = {field: getattr(vision, field) for field in SO400M}
    is_taught = config.supervision != ActionSupervision.NONE
    return PublicConfig(
        decoder={field: getattr(text, field) for field in fields},
        rope_theta=rope["rope_theta"],
        vision=tower,
        vision_name=SO400M_NAME if tower == SO400M else "siglip",
        newline=NewlinePosition(config.newline),
        pool_mode=PoolMode(config.pool_mode),
        pictures=None if config.pictures == PictureMode.AS_VIDEO else config.picture_layout,
        supervision=ActionSupervision(config.supervision),
        training=_training(config) if is_taught else None,
        num_classes=(config.num_verbs, config.num_nouns, config.num_actions) if is_taught else None,
        max_length=max_length,
    )


def _training(config: LlavactionConfig) -> str:
    wanted = (SupervisedLayers(config.supervised_layers), Distillation(config.distillation))
    for word, meaning in TRAINING.items():
        if meaning == wanted:
            return word
    raise ConfigError(
        f"supervised_layers = {wanted[0]} with distillation = {wanted[1]}: the public format has no word for it"
    )


def _check(what: str, value: Any, known: Any) -> None:
    if value != known:
        raise ConfigError(f"{what} is {value!r}; the public format knows {known!r} alone")
