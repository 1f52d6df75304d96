"""The learnable action token and its heads (paper section 3.3).

B batch, S sequence, A samples that are read, P places read in each (1 or 3), D width, C classes.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn

from llavaction.model.config import NUM_TOKENS, ActionSupervision


class ActionLogits(NamedTuple):
    """Scores of the three heads, `[A, C]` each."""

    verb: Tensor
    noun: Tensor
    action: Tensor


class ActionPlaces(NamedTuple):
    """Where the heads read: samples `[A]` and their positions `[A, P]`."""

    rows_A: Tensor
    columns_AP: Tensor

    def take(self, hidden_BSD: Tensor) -> Tensor:
        """Hidden states at the places: `[A, P, D]`."""
        states_APD: Tensor = _Take.apply(hidden_BSD, self.rows_A[:, None], self.columns_AP)
        return states_APD


class _Take(torch.autograd.Function):
    """Indexing that hands autograd nothing to keep: within a checkpointed layer it changes nothing that is repeated."""

    @staticmethod
    def forward(ctx: Any, hidden_BSD: Tensor, rows: Tensor, columns: Tensor) -> Tensor:
        ctx.shape, ctx.rows, ctx.columns = hidden_BSD.shape, rows, columns
        return hidden_BSD[rows, columns]

    @staticmethod
    def backward(ctx: Any, grad_APD: Tensor) -> tuple[Tensor, None, None]:
        return grad_APD.new_zeros(ctx.shape).index_put((ctx.rows, ctx.columns), grad_APD), None, None


class ActionToken(nn.Module):
    """Vectors placed after the visual sequence, and linear heads (no bias) on their hidden states.

    Causal attention lets them gather all the frames and be read by the text after them. It is a part of its own, so
    that any decoder can host it: put `embedding` in the place of its tokens, and give the hidden states to `forward`.
    """

    def __init__(
        self, supervision: ActionSupervision, width: int, num_verbs: int, num_nouns: int, num_actions: int
    ) -> None:
        super().__init__()
        self.supervision = supervision
        self.num_tokens = NUM_TOKENS[supervision]
        self.embedding = nn.Parameter(torch.empty(self.num_tokens, width)) if self.num_tokens else None
        self.verb_head = nn.Linear(width, num_verbs, bias=False)
        self.noun_head = nn.Linear(width, num_nouns, bias=False)
        self.action_head = nn.Linear(width, num_actions, bias=False)

    def forward(self, hidden_APD: Tensor) -> ActionLogits:
        """Class scores from the hidden states that were read; with three places each head has its own."""
        verb_AD, noun_AD, action_AD = hidden_APD.expand(-1, 3, -1).unbind(1)
        return ActionLogits(self.verb_head(verb_AD), self.noun_head(noun_AD), self.action_head(action_AD))

    def places(self, is_action_BS: Tensor, is_visual_BS: Tensor) -> ActionPlaces:
        """Where the heads read, by which positions hold action tokens and which visual ones.

        Samples without action tokens (text, pictures) are left out; with `newline` those without visual tokens.
        """
        if self.num_tokens:
            rows, columns = is_action_BS.nonzero(as_tuple=True)
            return ActionPlaces(rows[:: self.num_tokens], columns.view(-1, self.num_tokens))
        rows = is_visual_BS.any(1).nonzero()[:, 0]
        last = is_visual_BS.shape[1] - 1 - is_visual_BS[rows].flip(1).long().argmax(1)
        return ActionPlaces(rows, last[:, None])


@contextmanager
def recorded_outputs(layers: Iterable[nn.Module], take: Callable[[Tensor], Tensor]) -> Iterator[list[Tensor]]:
    """What `take` takes of the outputs of `layers`, in the order in which they ran.

    It is taken right behind each layer, so that the backward pass too comes to it there: taken from all layers at the
    end, the gradients of all their whole outputs would exist at once.
    """
    outputs: list[Tensor] = []

    def keep(module: nn.Module, arguments: Any, output: Any) -> None:
        outputs.append(take(output[0] if isinstance(output, tuple) else output))

    handles = [layer.register_forward_hook(keep) for layer in layers]
    try:
        yield outputs
    finally:
        for handle in handles:
            handle.remove()
