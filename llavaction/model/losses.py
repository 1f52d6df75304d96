"""Loss sums. They are divided by global counts, so that they depend neither on ranks nor on accumulation.

B batch, S sequence, L labelled positions, D width, V vocabulary, A samples with an action token, C classes.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import torch
from torch import Tensor
from torch.nn import functional

from llavaction.model.action_token import ActionLogits
from llavaction.model.config import IGNORE, NO_LABEL


class LossSum(NamedTuple):
    """A sum of losses, float32 scalar, and how many terms it has."""

    total: Tensor
    num_terms: Tensor

    def mean(self, global_count: Tensor | int | None) -> Tensor:
        """The sum over `global_count` terms, this batch's own when None; 0 when there are none."""
        count = self.num_terms if global_count is None else torch.as_tensor(global_count, device=self.total.device)
        return self.total / count.clamp(min=1)


def lm_loss_sum(hidden_BSD: Tensor, labels_BS: Tensor, lm_head: Callable[[Tensor], Tensor]) -> LossSum:
    """Cross-entropy of the next token, summed over the labelled positions.

    The head runs only where a label is: about 20 positions of thousands in a multiple-choice sample.
    """
    targets_BS = labels_BS[:, 1:]
    labelled_BS = targets_BS != IGNORE
    targets_L = targets_BS[labelled_BS]
    logits_LV = lm_head(hidden_BSD[:, :-1][labelled_BS]).float()
    total = functional.cross_entropy(logits_LV, targets_L, reduction="sum")
    return LossSum(total, torch.as_tensor(len(targets_L), device=total.device))


def class_loss_sums(logits: ActionLogits, labels_A3: Tensor) -> tuple[LossSum, LossSum, LossSum]:
    """Cross-entropies of the verb, noun and action heads, each summed over the samples that have a label."""
    verb, noun, action = (_class_loss_sum(scores, labels_A3[:, i]) for i, scores in enumerate(logits))
    return verb, noun, action


def _class_loss_sum(logits_AC: Tensor, labels_A: Tensor) -> LossSum:
    total = functional.cross_entropy(logits_AC.float(), labels_A, reduction="sum", ignore_index=NO_LABEL)
    return LossSum(total, (labels_A != NO_LABEL).sum())
