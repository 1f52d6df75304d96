"""The `config.json` of public `llava_qwen` checkpoints: read into typed words, and written from them. No torch."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, TypeVar

from llavaction.model.checkpoints import CONFIG_FILE, read_config
from llavaction.model.config import ActionSupervision, NewlinePosition, PoolMode
from llavaction.model.picture_layout import PictureLayout
from llavaction.model.public.pictures import parse_pictures, picture_fields, public_pictures
from llavaction.model.public.tables import (
    DEFAULTS,
    NEEDED,
    ONLY,
    OPTIONAL,
    SO400M,
    TOWER_CONSTANTS,
    TRAINING,
    WINDOW,
    WITHOUT_EFFECT,
)
from llavaction.utils.enums import StrEnum
from llavaction.utils.errors import ConfigError
from llavaction.utils.jsonl import read_json

VISION_FILE = "vision_config.json"
"""The vision tower's own configuration, in checkpoints whose tower is not SigLIP so400m."""

Word = TypeVar("Word", bound=StrEnum)


@dataclass(frozen=True)
class PublicConfig:
    """What a public configuration says about the model.

    Attributes:
        decoder: fields of Qwen2.
        rope_theta: base of the rotary positions.
        vision: fields of SigLIP, as in `SO400M`.
        vision_name: what the file calls the tower.
        newline: where newlines go.
        pool_mode: how patches become fewer.
        pictures: how pictures become tokens; None where they are videos of one frame, which these files cannot say.
        supervision: how the action class is told.
        training: a word of `TRAINING`; None without supervision.
        num_classes: verbs, nouns, actions; None without supervision, or when the file does not say.
        max_length: longest sequence in tokens.
    """

    decoder: dict[str, Any]
    rope_theta: float
    vision: dict[str, Any]
    vision_name: str
    newline: NewlinePosition
    pool_mode: PoolMode
    pictures: PictureLayout | None
    supervision: ActionSupervision
    training: str | None
    num_classes: tuple[int, int, int] | None
    max_length: int

    @classmethod
    def parse(cls, fields: Mapping[str, Any], vision: Mapping[str, Any] | None) -> PublicConfig:
        """Read a public `config.json`, and the tower's own configuration where there is one.

        Raises:
            ConfigError: when a field is missing, or has a value that this project does not know.
        """
        for field, values in ONLY.items():
            if fields.get(field) not in values:
                raise ConfigError(f"{field} = {fields.get(field)!r}: only {values[0]!r} can be converted")
        missing = [field for field in (*NEEDED, "rope_theta", "mm_vision_tower") if fields.get(field) is None]
        if missing:
            raise ConfigError(f"{', '.join(missing)}: not there, but needed")
        decoder = {field: fields[field] for field in NEEDED} | {k: fields.get(k, v) for k, v in OPTIONAL.items()}
        if decoder["use_sliding_window"]:
            decoder |= {field: fields[field] for field in WINDOW if field in fields}
        supervision = _word(ActionSupervision, fields.get("vision_supervision") or "none", "vision_supervision")
        is_taught = supervision is not ActionSupervision.NONE
        tower = _vision(fields["mm_vision_tower"], vision)
        return cls(
            decoder=decoder,
            rope_theta=fields["rope_theta"],
            vision=tower,
            vision_name=fields["mm_vision_tower"],
            # The public code's own defaults: LLaVA-OneVision's files leave the position out.
            newline=_word(NewlinePosition, fields.get("mm_newline_position", "one_token"), "mm_newline_position"),
            pool_mode=_word(PoolMode, fields.get("mm_spatial_pool_mode", "bilinear"), "mm_spatial_pool_mode"),
            pictures=parse_pictures(fields, tower["image_size"]),
            supervision=supervision,
            training=_training(fields.get("vision_token_training")) if is_taught else None,
            num_classes=_num_classes(fields.get("action_types")) if is_taught else None,
            max_length=fields.get("tokenizer_model_max_length") or decoder["max_position_embeddings"],
        )

    def fields(self) -> dict[str, Any]:
        """The fields of `config.json` that depend on the model."""
        supervision: dict[str, Any] = {}
        if self.supervision is not ActionSupervision.NONE:
            supervision = {"vision_supervision": self.supervision.value, "vision_token_training": self.training}
        if self.num_classes is not None:
            supervision["action_types"] = ",".join(str(number) for number in self.num_classes)
        return {
            **self.decoder,
            **supervision,
            **({} if self.pictures is None else picture_fields(self.pictures)),
            "rope_theta": self.rope_theta,
            "mm_hidden_size": self.vision["hidden_size"],
            "mm_vision_tower": self.vision_name,
            "mm_newline_position": self.newline.value,
            "mm_spatial_pool_mode": self.pool_mode.value,
            "tokenizer_model_max_length": self.max_length,
        }

    def whole_file(self) -> dict[str, Any]:
        """A `config.json` that the public code can load."""
        windows = {
            "sliding_window": self.decoder["max_position_embeddings"],
            "max_window_layers": self.decoder["num_hidden_layers"],
        }
        return {**DEFAULTS, **windows, **picture_fields(public_pictures(self.vision["image_size"])), **self.fields()}

    def merged_into(self, template: Mapping[str, Any], vision: Mapping[str, Any] | None) -> dict[str, Any]:
        """The `config.json` that this model came from, `template`, with only that changed which it says otherwise."""
        before = PublicConfig.parse(template, vision)
        same_tower = before.vision == self.vision
        name, pictures = before.vision_name if same_tower else self.vision_name, self.pictures or before.pictures
        now = replace(self, vision_name=name, pictures=pictures).fields()
        old = before.fields()
        kept = {name: value for name, value in template.items() if name in now or name not in old}
        return {**kept, **{name: value for name, value in now.items() if old.get(name) != value}}


def read_public_config(source: Path) -> PublicConfig:
    """The configuration of a public checkpoint.

    Raises:
        ConfigError: naming the file, when it holds what this project does not know.
    """
    try:
        return PublicConfig.parse(read_config(source), vision_fields(source))
    except ConfigError as error:
        raise ConfigError(f"{source / CONFIG_FILE}: {error}") from None


def vision_fields(folder: Path) -> dict[str, Any] | None:
    """The configuration of a public checkpoint's vision tower, where it has one."""
    path = folder / VISION_FILE
    return dict(read_json(path)) if path.is_file() else None


def ignored_fields(fields: Mapping[str, Any]) -> list[str]:
    """A sentence for each field whose value is not what is computed, neither here nor by the public code."""
    return [
        f"{field} = {fields[field]!r} is not applied: the public code computes with {values[0]} whatever it says"
        for field, values in WITHOUT_EFFECT.items()
        if fields.get(field) not in values
    ]


def _vision(name: str, vision: Mapping[str, Any] | None) -> dict[str, Any]:
    if vision is not None:
        missing = sorted(SO400M.keys() - vision.keys())
        if missing:
            raise ConfigError(f"vision_config.json: {', '.join(missing)} not there, but needed")
        for field, value in vision.items():
            if field not in SO400M and TOWER_CONSTANTS.get(field) != value:
                raise ConfigError(f"vision_config.json: {field} = {value!r} is not known to be a SigLIP's")
        return {field: vision[field] for field in SO400M}
    if "siglip" not in name.lower():
        raise ConfigError(
            f"mm_vision_tower = {name!r}: only SigLIP so400m is known; describe another SigLIP in a "
            "vision_config.json beside the file"
        )
    return dict(SO400M)


def _num_classes(text: Any) -> tuple[int, int, int] | None:
    if text is None:
        return None
    try:
        verbs, nouns, actions = (int(number) for number in str(text).split(","))
    except ValueError:
        raise ConfigError(f"action_types = {text!r}: expected three numbers such as 97,300,3806") from None
    return verbs, nouns, actions


def _training(word: Any) -> str:
    # Without a word the public code teaches every layer.
    word = word or "all_layers"
    if word not in TRAINING:
        raise ConfigError(f"vision_token_training = {word!r}: known are {list(TRAINING)}")
    return str(word)


def _word(enum: type[Word], value: Any, field: str) -> Word:
    try:
        return enum(value)
    except ValueError:
        raise ConfigError(f"{field} = {value!r}: known are {[member.value for member in enum]}") from None
