"""The learnable action token and its heads (paper section 3.3).

A samples that hold an action token, D width, C classes.
"""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor, nn


class ActionLogits(NamedTuple):
    """Scores of the three heads, `[A, C]` each."""

    verb: Tensor
    noun: Tensor
    action: Tensor


class ActionToken(nn.Module):
    """One vector placed after the visual sequence, and linear heads (no bias) on its last hidden state.

    Causal attention lets it gather all the frames and be read by the text after it.
    """

    def __init__(self, width: int, num_verbs: int, num_nouns: int, num_actions: int) -> None:
        super().__init__()
        self.embedding = nn.Parameter(torch.empty(1, width))
        self.verb_head = nn.Linear(width, num_verbs, bias=False)
        self.noun_head = nn.Linear(width, num_nouns, bias=False)
        self.action_head = nn.Linear(width, num_actions, bias=False)

    def forward(self, hidden_AD: Tensor) -> ActionLogits:
        """Class scores from the action token's hidden states."""
        return ActionLogits(self.verb_head(hidden_AD), self.noun_head(hidden_AD), self.action_head(hidden_AD))
