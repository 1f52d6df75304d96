"""The parts of the model, by the names of their parameters: what is frozen, what learns how fast."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable
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
    """The part that a parameter belongs to, by the first word of its name."""
    return _PART_BY_MODULE[parameter_name.removeprefix("module.").split(".")[0]]


def freeze_parts(model: nn.Module, parts: Collection[Part]) -> None:
    """Let the parameters of `parts` keep their values."""
    for name, parameter in model.named_parameters():
        parameter.requires_grad_(part_of(name) not in parts)


def count_parameters(model: nn.Module) -> dict[str, dict[str, int]]:
    """Parameters of each part: all, and those that train."""
    counts = {part.value: {"all": 0, "trained": 0} for part in Part}
    for name, parameter in model.named_parameters():
        entry = counts[part_of(name).value]
        entry["all"] += parameter.numel()
        entry["trained"] += parameter.numel() * parameter.requires_grad
    return counts


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
