"""Loss sums. They are divided by global counts, so that they depend neither on ranks nor on accumulation.

B batch, S sequence, L labelled positions, D width, V vocabulary, A samples with an action token, P its places, C
classes.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional

from llavaction.model.action_token import ActionLogits
from llavaction.model.config import IGNORE, LOSS_CHUNK, NO_LABEL, LossKernel
from llavaction.model.lm_head import head_loss_sum


class LossSum(NamedTuple):
    """A sum of losses, float32 scalar, and how many terms it has."""

    total: Tensor
    num_terms: Tensor

    def mean(self, global_count: Tensor | int | None) -> Tensor:
        """The sum over `global_count` terms, this batch's own when None; 0 when there are none."""
        count = self.num_terms if global_count is None else torch.as_tensor(global_count, device=self.total.device)
        return self.total / count.clamp(min=1)


def lm_loss_sum(
    hidden_BSD: Tensor,
    labels_BS: Tensor,
    lm_head: nn.Module,
    kernel: LossKernel = LossKernel.CHUNKED,
    chunk: int = LOSS_CHUNK,
) -> LossSum:
    """Cross-entropy of the next token, summed over the labelled positions.

    The head runs only where a label is: about 20 positions of thousands in a multiple-choice sample.
    """
    targets_BS = labels_BS[:, 1:]
    labelled_BS = targets_BS != IGNORE
    targets_L = targets_BS[labelled_BS]
    total = head_loss_sum(lm_head, hidden_BSD[:, :-1][labelled_BS], targets_L, kernel, chunk)
    return LossSum(total, torch.as_tensor(len(targets_L), device=total.device))


def class_loss_sums(layers: Sequence[ActionLogits], labels_A3: Tensor, divisor: int) -> tuple[LossSum, ...]:
    """Cross-entropies of the verb, noun and action heads.

    Each is summed over the samples that have a label and over the layers that are taught, and divided by `divisor`.
    """
    sums = []
    for part in range(3):
        losses = [_class_loss_sum(logits[part], labels_A3[:, part]) for logits in layers]
        total = torch.stack([loss.total for loss in losses]).sum() / divisor
        sums.append(LossSum(total, losses[0].num_terms))
    return tuple(sums)


def distillation_sum(teacher_APD: Tensor, students: Sequence[Tensor], divisor: int) -> LossSum:
    """Divergence of each student layer `[A, P, D]` from the teacher's, summed over samples and layers, by `divisor`.

    KL(teacher || student) of the softmax over the width, in float32, without temperature; no gradient reaches the
    teacher. Samples without a label take part too.
    """
    teacher = teacher_APD.detach().float().log_softmax(-1)
    total = teacher.new_zeros(())
    for student_APD in students:
        student = student_APD.float().log_softmax(-1)
        total = total + functional.kl_div(student, teacher, reduction="sum", log_target=True)
    return LossSum(total / divisor, torch.as_tensor(len(teacher_APD), device=total.device))


def _class_loss_sum(logits_AC: Tensor, labels_A: Tensor) -> LossSum:
    total = functional.cross_entropy(logits_AC.float(), labels_A, reduction="sum", ignore_index=NO_LABEL)
    return LossSum(total, (labels_A != NO_LABEL).sum())
