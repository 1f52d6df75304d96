"""The layers that adapters go on."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable

from torch import nn

from llavaction.model.lora.config import LoraTargets
from llavaction.utils.errors import ConfigError

_PARTS: dict[LoraTargets, tuple[str, ...]] = {
    LoraTargets.NONE: (),
    LoraTargets.DECODER: ("decoder",),
    LoraTargets.DECODER_AND_VISION: ("decoder", "vision"),
}
"""Modules of the model below which every linear layer is a target."""


def find_targets(model: nn.Module, targets: LoraTargets) -> list[str]:
    """Full names of the linear layers that `targets` mean, in the model's order.

    Raises:
        ConfigError: when one of the parts has none.
    """
    names = [name for name, module in model.named_modules() if isinstance(module, nn.Linear)]
    for part in _PARTS[targets]:
        if not any(name.startswith(f"{part}.") for name in names):
            raise ConfigError(f"lora.targets = {targets}: the model's {part} has no linear layers")
    return [name for name in names if name.split(".")[0] in _PARTS[targets]]


def describe_targets(names: Iterable[str]) -> str:
    """The names with a star for each number, and how many there are of each."""
    counts = Counter(re.sub(r"\.\d+(?=\.)", ".*", name) for name in names)
    return ", ".join(f"{name} ({count})" for name, count in counts.items())
