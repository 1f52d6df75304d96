"""Public `llava_qwen` checkpoints as ours."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import torch

from llavaction.model.checkpoints import CONFIG_FILE, read_config
from llavaction.model.config import ActionSupervision, Distillation, NewlinePosition, PictureMode, SupervisedLayers
from llavaction.model.hf_config import LlavactionConfig
from llavaction.model.modeling import LlavactionForConditionalGeneration
from llavaction.model.new_token import token_weights
from llavaction.model.public.config import (
    VISION_FILE,
    PublicConfig,
    ignored_fields,
    read_public_config,
    vision_fields,
)
from llavaction.model.public.conversion import (
    ASIDE,
    EMBEDDINGS,
    HEAD,
    VOCABULARY,
    Conversion,
    check_names,
    check_shapes,
    model_shapes,
    write_generation_config,
)
from llavaction.model.public.mapping import to_our_config
from llavaction.model.public.names import is_unused, our_name, public_name
from llavaction.model.public.pictures import with_mode
from llavaction.model.public.tensors import LazyTensor, read_tensors, write_tensors
from llavaction.utils.errors import CheckpointError, ConfigError
from llavaction.utils.jsonl import write_json

_TOKEN = "action_token."
_HEADS = ("verb_head.weight", "noun_head.weight", "action_head.weight")


@dataclass(frozen=True)
class Wanted:
    """What our model needs and a public checkpoint does not say.

    Attributes:
        num_token_ids: ids that the tokenizer can produce.
        num_classes: verbs, nouns, actions of the class table; None when there is none.
        supervision: action token to add where there is none; None adds none.
        supervised_layers, distillation: how an added action token is taught.
        newline: where newlines go; None keeps what the checkpoint says.
        pictures: how pictures become tokens; None keeps what the checkpoint says.
        seed: of an added action token's weights.
    """

    num_token_ids: int
    eos_token_id: int
    pad_token_id: int
    num_classes: tuple[int, int, int] | None = None
    supervision: ActionSupervision | None = None
    supervised_layers: SupervisedLayers = SupervisedLayers.LAST_LAYER
    distillation: Distillation = Distillation.NONE
    newline: NewlinePosition | None = None
    pictures: PictureMode | None = None
    seed: int = 0


@dataclass(frozen=True)
class OursPlan:
    """One of our checkpoints that is to be written; `max_length` is its longest sequence in tokens."""

    config: LlavactionConfig
    conversion: Conversion
    max_length: int


def plan_ours(source: Path, wanted: Wanted) -> OursPlan:
    """A public checkpoint as one of ours.

    Raises:
        CheckpointError: when weights are missing, left over or of another shape.
        ConfigError: when its configuration, or what is wanted, does not go with our model.
    """
    public, tensors = read_public_config(source), read_tensors(source)
    notes = ignored_fields(read_config(source))
    if HEAD not in tensors and not public.decoder["tie_word_embeddings"]:
        # Fine-tuned 0.5B models say so, but were saved without: their head has always been the embeddings.
        notes.append(f"{HEAD} is in none of the files: it is tied to the embeddings, though {CONFIG_FILE} denies it")
        public = replace(public, decoder={**public.decoder, "tie_word_embeddings": True})
    num_stored = public.decoder["vocab_size"]
    num_rows = max(num_stored, wanted.num_token_ids + 2)
    if num_rows > num_stored:
        notes.append(f"{num_rows - num_stored} rows added to the vocabulary, for the placeholders of visual tokens")
    adds_token = wanted.supervision not in (None, public.supervision)
    if adds_token and public.supervision is not ActionSupervision.NONE:
        raise ConfigError(f"supervision = {wanted.supervision}: {source} has {public.supervision} already")
    public = replace(
        public,
        supervision=wanted.supervision or public.supervision,
        newline=wanted.newline or public.newline,
        pictures=with_mode(public.pictures, wanted.pictures, public.vision["image_size"]),
    )
    sizes = _num_classes(public, tensors, wanted)
    config = to_our_config(public, sizes, num_rows, wanted.eos_token_id, wanted.pad_token_id)
    if adds_token:
        config.supervised_layers, config.distillation = wanted.supervised_layers.value, wanted.distillation.value
    conversion = replace(_match(source, tensors, config, num_stored, wanted.seed), notes=notes)
    return OursPlan(config, conversion, public.max_length)


def write_ours(folder: Path, source: Path, plan: OursPlan, max_bytes: int) -> None:
    """Write configuration and weights, and aside what the way back needs."""
    config, conversion = plan.config, plan.conversion
    write_tensors(folder, conversion.tensors, max_bytes)
    config.architectures = [LlavactionForConditionalGeneration.__name__]
    config.dtype = conversion.dtype
    config.save_pretrained(folder)
    # Placeholders are no words; the public model was never taught not to write them.
    write_generation_config(folder, config, suppress_tokens=[config.video_token_id, config.action_token_id])
    aside = folder / ASIDE
    aside.mkdir()
    write_json(aside / CONFIG_FILE, read_config(source))
    vision = vision_fields(source)
    if vision is not None:
        write_json(aside / VISION_FILE, vision)
    if conversion.aside:
        write_tensors(aside, conversion.aside, max_bytes)


def _match(
    source: Path, tensors: Mapping[str, LazyTensor], config: LlavactionConfig, num_stored: int, seed: int
) -> Conversion:
    """The tensors of our model, taken from public ones with `num_stored` rows of the vocabulary."""
    shapes, num_blocks = model_shapes(config), _num_blocks(config)
    found: dict[str, LazyTensor] = {}
    aside: list[LazyTensor] = []
    unknown: list[str] = []
    for name, tensor in tensors.items():
        ours = our_name(name)
        if ours in shapes:
            found[ours] = tensor.renamed(ours)
        elif is_unused(name, num_blocks) or name == HEAD:
            aside.append(tensor)
        else:
            unknown.append(name)
    missing = [public_name(name) for name in shapes if name not in found and not name.startswith(_TOKEN)]
    check_names(source, missing, unknown)
    stored = {name: (num_stored, *shape[1:]) if name in VOCABULARY else shape for name, shape in shapes.items()}
    check_shapes(source, stored, found)
    if HEAD in tensors and HEAD not in found and not _equal(tensors[HEAD], found[EMBEDDINGS]):
        raise CheckpointError(f"{source}: {HEAD} differs from the embeddings, though config.json ties them")
    made = [name for name in shapes if name not in found]
    if made:
        new, dtype = token_weights(config, seed), found["newline"].dtype
        found |= {name: LazyTensor.of(name, new[name.removeprefix(_TOKEN)].to(dtype)) for name in made}
    num_rows = shapes[EMBEDDINGS][0]
    ordered = [found[name].with_rows(num_rows) if name in VOCABULARY else found[name] for name in shapes]
    return Conversion(ordered, aside, made, [])


def _num_classes(public: PublicConfig, tensors: Mapping[str, LazyTensor], wanted: Wanted) -> tuple[int, int, int]:
    """The sizes of the heads, on which weights, configuration and class table must agree."""
    if public.supervision is ActionSupervision.NONE:
        return (0, 0, 0)
    heads = [tensors[name].shape[0] for name in _HEADS if name in tensors]
    said = {
        "the heads' weights": (heads[0], heads[1], heads[2]) if len(heads) == len(_HEADS) else None,
        "action_types": public.num_classes,
        "the class table": wanted.num_classes,
    }
    known = {who: sizes for who, sizes in said.items() if sizes is not None}
    if not known:
        raise ConfigError(f"supervision = {public.supervision}: how many classes? Give classes=FOLDER of built samples")
    if len(set(known.values())) > 1:
        texts = ", ".join(f"{sizes} by {who}" for who, sizes in known.items())
        raise ConfigError(
            f"verbs, nouns and actions are {texts}; build the samples from the annotations that the checkpoint was "
            "trained on"
        )
    return next(iter(known.values()))


def _num_blocks(config: LlavactionConfig) -> int:
    """Blocks of the vision tower that are computed."""
    vision: Any = config.vision_config
    return int(vision.num_hidden_layers) + 1 + config.vision_feature_layer


def _equal(first: LazyTensor, second: LazyTensor) -> bool:
    return first.shape == second.shape and torch.equal(first.load(), second.load())
