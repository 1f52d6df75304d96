"""The parts of the model, by the names of their parameters: what is frozen, what learns how fast."""

from __future__ import annotations

import math
from collections.abc import Callable, Collection, Iterable, Mapping
from typing import Any

from torch import nn

from llavaction.training.config import Part

_PART_BY_MODULE = {
    "vision": Part.VISION,
    "projector": Part.PROJECTOR,
    "newline": Part.PROJECTOR,
    "decoder": Part.DECODER,
    "lm_head": Part.DECODER,
    "action_token": Part.ACTION,
}


def part_of(parameter_name: str) -> Part:
    """The part that a parameter belongs to, by the first word of its name; adapters are a part of their own."""
    words = parameter_name.removeprefix("module.").removeprefix("base_model.model.").split(".")
    if any(word.startswith("lora_") for word in words):
        return Part.LORA
    return _PART_BY_MODULE[words[0]]


def freeze_parts(model: nn.Module, parts: Collection[Part]) -> None:
    """Let the parameters of `parts` keep their values."""
    for name, parameter in model.named_parameters():
        parameter.requires_grad_(part_of(name) not in parts)


def count_parameters(model: nn.Module) -> dict[str, dict[str, int]]:
    """Parameters of each part: all, and those that train. Parts that the model does not have are left out."""
    counts: dict[str, dict[str, int]] = {}
    for part in Part:
        weights = [weight for name, weight in model.named_parameters() if part_of(name) is part]
        if weights:
            trained = sum(_size(weight) for weight in weights if weight.requires_grad)
            counts[part.value] = {"all": sum(map(_size, weights)), "trained": trained}
    return counts


def parameter_table(counts: Mapping[str, Mapping[str, int]]) -> str:
    """What `count_parameters` found, as lines to be read: each part, its parameters, and what share of them trains."""
    total = {key: sum(entry[key] for entry in counts.values()) for key in ("all", "trained")}
    rows = [
        f"{name:<10}{entry['all']:>15,}{entry['trained']:>15,}{entry['trained'] / max(entry['all'], 1):>9.2%}"
        for name, entry in {**counts, "total": total}.items()
    ]
    return "\n".join([f"{'part':<10}{'parameters':>15}{'trained':>15}{'share':>9}", *rows])


def _size(weight: nn.Parameter) -> int:
    """Numbers in a weight, also where it holds two in each byte (4-bit weights keep their shape aside)."""
    state = getattr(weight, "quant_state", None)
    return math.prod(weight.shape if state is None else state.shape)


def parameter_groups(
    named_parameters: Iterable[tuple[str, nn.Parameter]], rate_of: Callable[[Part], float], weight_decay: float
) -> list[dict[str, Any]]:
    """Optimiser groups: one per part and decay; vectors (biases, norms, newline) do not decay."""
    groups: dict[tuple[Part, bool], list[nn.Parameter]] = {}
    for name, parameter in named_parameters:
        if parameter.requires_grad:
            # ZeRO-3 shows partitioned weights as empty vectors and keeps their shape aside.
            num_dims = len(getattr(parameter, "ds_shape", parameter.shape))
            groups.setdefault((part_of(name), num_dims > 1), []).append(parameter)
    return [
        {"params": params, "lr": rate_of(part), "weight_decay": weight_decay if decays else 0.0, "name": part.value}
        for (part, decays), params in sorted(groups.items(), key=lambda item: item[0])
    ]
