"""Marks in a recorded trace that say which part of the model computes from there on, forward and backward.

Modules have hooks before and after their forward pass. In the backward pass the gradient of a module's output marks
where that module's own backward begins: parts stand in a row, so one ends where the next begins. Tensor hooks hold with
data parallelism, ZeRO and gradient checkpointing, where hooks on modules would not.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor
from torch.autograd.profiler import record_function

from llavaction.training.evaluating import whole_model
from llavaction.training.timeline import PREFIX, Direction, TracePart


def mark(part: TracePart, direction: Direction = Direction.NEITHER) -> None:
    """What follows in the trace belongs to `part`."""
    with record_function(f"{PREFIX}{part.value} {direction.value}"):
        pass


class PartMarks:
    """Puts the marks of a model's parts while it is attached."""

    def __init__(self, model: Any, batches_per_step: int) -> None:
        """Attach them.

        Args:
            model: what trains, with adapters where it has some.
            batches_per_step: backward passes after which the optimiser works.
        """
        parts = whole_model(model)
        self._batches_per_step = batches_per_step
        self._num_done = 0
        self._handles = [
            parts.vision.register_forward_pre_hook(lambda *_: _mark_forward(TracePart.VISION)),
            parts.vision.register_forward_hook(lambda *given: _leave(TracePart.VISION, given[-1])),
            parts.projector.register_forward_pre_hook(lambda *_: _mark_forward(TracePart.PROJECTOR)),
            parts.projector.register_forward_hook(lambda *given: _leave(TracePart.PROJECTOR, given[-1])),
            parts.decoder.register_forward_pre_hook(_enter_decoder, with_kwargs=True),
            parts.decoder.register_forward_hook(_leave_decoder),
            model.register_forward_hook(self._leave_model),
        ]

    def begin_step(self) -> None:
        """The batches of a step are there."""
        self._num_done = 0
        mark(TracePart.OTHER)

    def detach(self) -> None:
        """Leave the model as it was."""
        for handle in self._handles:
            handle.remove()

    def _leave_model(self, module: Any, arguments: Any, output: Any) -> None:
        """The loss is there: its backward pass comes next."""
        if torch.is_grad_enabled():
            mark(TracePart.LOSS, Direction.BACKWARD)
            output.loss.register_hook(lambda grad: self._call_at_end_of_backward())

    def _call_at_end_of_backward(self) -> None:
        engine: Any = torch.autograd.Variable._execution_engine
        engine.queue_callback(self._end_backward)

    def _end_backward(self) -> None:
        self._num_done += 1
        mark(TracePart.OPTIMISER if self._num_done == self._batches_per_step else TracePart.OTHER)


def _mark_forward(part: TracePart) -> None:
    """Mark a forward pass, unless it is an evaluation's between two steps."""
    if torch.is_grad_enabled():
        mark(part, Direction.FORWARD)


def _leave(part: TracePart, output: Tensor) -> None:
    _mark_forward(TracePart.OTHER)
    _mark_gradient(output, part)


def _enter_decoder(module: Any, arguments: Any, keywords: dict[str, Any]) -> None:
    _mark_forward(TracePart.DECODER)
    # Its gradient is the end of the decoder's backward pass.
    _mark_gradient(keywords["inputs_embeds"], TracePart.OTHER)


def _leave_decoder(module: Any, arguments: Any, output: Any) -> None:
    _mark_forward(TracePart.LOSS)
    _mark_gradient(output.last_hidden_state, TracePart.DECODER)


def _mark_gradient(tensor: Tensor, part: TracePart) -> None:
    """Mark `part` when the gradient of `tensor` is there; frozen parts have none."""
    if tensor.requires_grad:
        tensor.register_hook(lambda grad: mark(part, Direction.BACKWARD))
