"""The stretches of layers that heat maps are averaged over."""

from __future__ import annotations

from itertools import pairwise

from llavaction.utils.errors import ConfigError

Stretch = tuple[int, int]
"""First and last layer, from 1."""


def choose_layers(num_layers: int, first: int | None, last: int | None, owner: str) -> Stretch:
    """The layers that were asked for; all where neither end was.

    Args:
        owner: what has these layers, for errors.

    Raises:
        ConfigError: when the model has no such layers.
    """
    stretch = (first or 1, last or num_layers)
    if not stretch[0] <= stretch[1] <= num_layers:
        raise ConfigError(f"first_layer = {first}, last_layer = {last}: {owner} has the layers 1 to {num_layers}")
    return stretch


def thirds(num_layers: int) -> list[Stretch]:
    """The layers in three stretches as equal as they can be; none where there are less than three layers."""
    if num_layers < 3:
        return []
    ends = [round(part * num_layers / 3) for part in range(4)]
    return [(start + 1, stop) for start, stop in pairwise(ends)]


def layer_words(stretch: Stretch, num_layers: int) -> str:
    """A stretch as pictures write it."""
    first, last = stretch
    if stretch == (1, num_layers):
        return "all layers"
    return f"layer {first}" if first == last else f"layers {first}–{last}"
