"""Our checkpoints as public `llava_qwen` ones."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import torch

from llavaction.model.checkpoints import CONFIG_FILE, read_config
from llavaction.model.hf_config import LlavactionConfig
from llavaction.model.public.config import VISION_FILE, PublicConfig, vision_fields
from llavaction.model.public.conversion import (
    ASIDE,
    HEAD,
    VOCABULARY,
    Conversion,
    check_names,
    check_shapes,
    model_shapes,
    write_generation_config,
)
from llavaction.model.public.mapping import to_public_config
from llavaction.model.public.names import POST_NORM, is_unused, public_name
from llavaction.model.public.tables import SO400M
from llavaction.model.public.tensors import LazyTensor, has_tensors, read_tensors, write_tensors
from llavaction.utils.jsonl import write_json

_AS_VIDEO = "the model sees pictures as videos of one frame; the public code will not: it has no word for that"


@dataclass(frozen=True)
class PublicPlan:
    """A public checkpoint that is to be written.

    Attributes:
        fields: `config.json`.
        vision: the tower's own configuration; None for so400m.
        conversion: the tensors under their public names.
    """

    fields: dict[str, Any]
    vision: dict[str, Any] | None
    conversion: Conversion


def plan_public(source: Path, max_length: int) -> PublicPlan:
    """One of our checkpoints as a public one.

    One that came from a public checkpoint gets back what was laid aside. Any other gets a final norm for its vision
    tower that changes nothing: public files hold one, though the public code never applies it. The tower's last block
    is in neither: the public loader drops it before it reads the file.

    Args:
        max_length: longest sequence in tokens.

    Raises:
        CheckpointError: when weights are missing, left over or of another shape.
        ConfigError: when the public format has no word for something.
    """
    config: LlavactionConfig = LlavactionConfig.from_pretrained(source)
    public = to_public_config(config, max_length)
    notes = [_AS_VIDEO] if public.pictures is None else []
    shapes, tensors = model_shapes(config), read_tensors(source)
    check_names(source, shapes.keys() - tensors.keys(), tensors.keys() - shapes.keys())
    check_shapes(source, shapes, tensors)
    if (source / ASIDE).is_dir():
        public, fields, extra = _as_it_came(source / ASIDE, public)
        made: list[str] = []
        vision = vision_fields(source / ASIDE)
    else:
        fields, extra = public.whole_file(), _neutral_norm(public.vision["hidden_size"], tensors["newline"].dtype)
        made = list(POST_NORM)
        vision = None if public.vision == SO400M else public.vision
    num_rows = public.decoder["vocab_size"]
    ours = [tensors[name].with_rows(num_rows) if name in VOCABULARY else tensors[name] for name in shapes]
    renamed = [tensor.renamed(public_name(tensor.name)) for tensor in ours]
    return PublicPlan(fields, vision, Conversion([*renamed, *extra], [], made, notes))


def write_public(folder: Path, source: Path, plan: PublicPlan, max_bytes: int) -> None:
    """Write a public checkpoint's configuration and weights."""
    write_tensors(folder, plan.conversion.tensors, max_bytes)
    dtype = str(plan.conversion.dtype).removeprefix("torch.")
    write_json(folder / CONFIG_FILE, {**plan.fields, "torch_dtype": dtype})
    if plan.vision is not None:
        write_json(folder / VISION_FILE, plan.vision)
    write_generation_config(folder, LlavactionConfig.from_pretrained(source))


def _as_it_came(aside: Path, public: PublicConfig) -> tuple[PublicConfig, dict[str, Any], list[LazyTensor]]:
    """Configuration, its fields, and further tensors of a checkpoint that was public before."""
    template = read_config(aside)
    # Rows that were added for the placeholders go again.
    public = replace(public, decoder={**public.decoder, "vocab_size": template["vocab_size"]})
    tensors: Mapping[str, LazyTensor] = read_tensors(aside) if has_tensors(aside) else {}
    check_names(aside, (), (name for name in tensors if not is_unused(name) and name != HEAD))
    return public, public.merged_into(template, vision_fields(aside)), list(tensors.values())


def _neutral_norm(width: int, dtype: torch.dtype) -> list[LazyTensor]:
    values = (torch.ones(width, dtype=dtype), torch.zeros(width, dtype=dtype))
    return [LazyTensor.of(name, value) for name, value in zip(POST_NORM, values, strict=True)]
