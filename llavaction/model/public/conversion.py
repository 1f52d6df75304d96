"""What both directions of a conversion share: tensors by name, what our model expects, and that nothing is lost."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import torch
from transformers import GenerationConfig

from llavaction.model.hf_config import LlavactionConfig
from llavaction.model.modeling import LlavactionForConditionalGeneration
from llavaction.model.public.tensors import LazyTensor
from llavaction.utils.errors import CheckpointError

ASIDE = "public"
"""Folder in a converted checkpoint with what our model has no place for: the way back needs it."""

EMBEDDINGS = "decoder.embed_tokens.weight"
HEAD = "lm_head.weight"
VOCABULARY = (EMBEDDINGS, HEAD)
"""Weights with a row for each id; the head has one name on both sides."""

Shapes = Mapping[str, tuple[int, ...]]


@dataclass(frozen=True)
class Conversion:
    """Tensors to write, and what there is to say about them.

    Attributes:
        tensors: in the order of the model.
        aside: tensors of a public checkpoint that our model has no place for.
        made: names of tensors that the source does not have.
        notes: sentences for the user.
    """

    tensors: list[LazyTensor]
    aside: list[LazyTensor]
    made: list[str]
    notes: list[str]

    def cast(self, dtype: torch.dtype) -> Conversion:
        """The same with other numbers; what lies aside keeps its own."""
        return replace(self, tensors=[tensor.cast(dtype) for tensor in self.tensors])

    @property
    def dtype(self) -> torch.dtype:
        """The type of the numbers, which a configuration names once: that of the first weight."""
        return self.tensors[0].dtype


def model_shapes(config: LlavactionConfig) -> dict[str, tuple[int, ...]]:
    """Names and shapes of the weights that our model keeps in its file."""
    with torch.device("meta"):
        model = LlavactionForConditionalGeneration(config)
    is_tied = config.tie_word_embeddings
    return {name: tuple(weight.shape) for name, weight in model.state_dict().items() if not (is_tied and name == HEAD)}


def check_names(folder: Path, missing: Iterable[str], unknown: Iterable[str]) -> None:
    """Make sure that no name is missing or left over.

    Raises:
        CheckpointError: with their numbers and the first of them.
    """
    problems = {"missing": sorted(missing), "not known": sorted(unknown)}
    texts = [f"{len(names)} {what} (first: {names[0]})" for what, names in problems.items() if names]
    if texts:
        raise CheckpointError(f"{folder}: weights do not fit the model: {', '.join(texts)}")


def check_shapes(folder: Path, expected: Shapes, found: Mapping[str, LazyTensor]) -> None:
    """Make sure that tensors have the shapes that the configuration promises.

    Raises:
        CheckpointError: with their number and the first of them.
    """
    wrong = [(tensor, expected[name]) for name, tensor in found.items() if tensor.shape != expected[name]]
    if wrong:
        tensor, shape = wrong[0]
        raise CheckpointError(
            f"{folder}: {len(wrong)} weights are of another shape than config.json says (first: {tensor.name} is "
            f"{list(tensor.shape)}, not {list(shape)})"
        )


def write_generation_config(folder: Path, config: LlavactionConfig, **more: Any) -> None:
    """Write the ids that end and fill up an answer, and what else there is to say about writing one."""
    text: Any = config.text_config
    ids = {"eos_token_id": text.eos_token_id, "pad_token_id": text.pad_token_id}
    GenerationConfig(**ids, **more).save_pretrained(folder)
