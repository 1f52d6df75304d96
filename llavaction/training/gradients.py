"""Gradients and weights that are no numbers, by the parts of the model that they belong to."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from torch import Tensor, nn

from llavaction.training.parts import part_of


@dataclass
class BadGradients:
    """What is wrong with the gradients of a step.

    Attributes:
        counts: weights of each part: those whose gradient is not finite, and all.
        first: the first of the former, by part.
        largest: the largest finite gradient of each part.
    """

    counts: dict[str, tuple[int, int]] = field(default_factory=dict)
    first: dict[str, str] = field(default_factory=dict)
    largest: dict[str, float] = field(default_factory=dict)

    def describe(self) -> str:
        """The bad parts, or the largest gradients where only the sum of the squares is too large."""
        if self.first:
            rows = [f"{part} ({bad} of {total} weights, first {self.first[part]})" for part, (bad, total) in self._bad]
            return f"not finite in {', '.join(rows)}"
        if not self.largest:
            return "DeepSpeed kept none to look at"
        rows = [f"{part} {value:.3g}" for part, value in sorted(self.largest.items(), key=lambda row: -row[1])]
        return f"each is finite, but their squares are too large; the largest by part: {', '.join(rows)}"

    @property
    def _bad(self) -> list[tuple[str, tuple[int, int]]]:
        return [(part, counts) for part, counts in self.counts.items() if counts[0]]


def find_bad_gradients(named_gradients: Iterable[tuple[str, Tensor | None]]) -> BadGradients:
    """Look at every gradient, one weight after the other; it takes a while for a large model."""
    found = BadGradients()
    for name, gradient in named_gradients:
        if gradient is None or not gradient.numel():
            continue
        part = part_of(name).value
        # Of numbers that are not all finite, the largest is not finite either.
        largest = float(gradient.detach().abs().max())
        is_finite = math.isfinite(largest)
        bad, total = found.counts.get(part, (0, 0))
        found.counts[part] = (bad + (not is_finite), total + 1)
        if not is_finite:
            found.first.setdefault(part, name)
        else:
            found.largest[part] = max(found.largest.get(part, 0.0), largest)
    return found


def find_bad_weights(model: nn.Module) -> list[str]:
    """Names of the weights that are not finite, in as much as this process holds them (ZeRO-3)."""
    shares = ((name, getattr(weight, "ds_tensor", weight)) for name, weight in model.named_parameters())
    return [name for name, share in shares if not bool(share.detach().isfinite().all())]


class DeepSpeedGradients:
    """What was wrong with the gradients that DeepSpeed threw away, as it does with the step that they belong to.

    Its optimizers note in `overflow` that the norm is not finite, then clear the gradients: there they are looked at.

    Attributes:
        wanted: whether to look at them, the next time.
        found: what was seen there.
    """

    def __init__(self, optimizer: Any, model: nn.Module) -> None:
        """`optimizer` is that of the engine, whose `zero_grad` is put under watch."""
        self.wanted = False
        self.found = BadGradients()
        self._optimizer = optimizer
        self._model = model
        self._clear = optimizer.zero_grad
        optimizer.zero_grad = self._look_and_clear

    def _look_and_clear(self, *args: Any, **kwargs: Any) -> None:
        from deepspeed.utils import safe_get_full_grad

        if self.wanted and self._optimizer.overflow:
            self.wanted = False
            # Each is gathered from all processes, which all come here: they decide on the overflow together.
            trained = ((name, weight) for name, weight in self._model.named_parameters() if weight.requires_grad)
            self.found = find_bad_gradients((name, safe_get_full_grad(weight)) for name, weight in trained)
        self._clear(*args, **kwargs)
