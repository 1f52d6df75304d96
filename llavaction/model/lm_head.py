"""The LM head, and the loss of its scores, of which only a chunk exists at a time.

L labelled positions, D width, V vocabulary.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn
from torch.autograd.function import once_differentiable
from torch.nn import functional
from torch.utils.checkpoint import checkpoint

from llavaction.model.config import LossKernel
from llavaction.model.partitioned import is_partitioned
from llavaction.utils.errors import ConfigError


class LmHead(nn.Linear):
    """Linear without bias from hidden states to the scores of the vocabulary, or straight to their loss.

    The loss runs inside `forward`: however many chunks it takes, it is one call of one module. ZeRO-3 gathers the
    weight once for it, and processes with different numbers of labels stay in step.
    """

    def __init__(self, width: int, vocab_size: int) -> None:
        super().__init__(width, vocab_size, bias=False)

    def forward(
        self, input: Tensor, targets_L: Tensor | None = None, kernel: LossKernel = LossKernel.DENSE, chunk: int = 0
    ) -> Tensor:
        """Scores `[..., V]` of hidden states `[..., D]`; with `targets_L` their summed loss, see `head_loss_sum`."""
        if targets_L is None:
            return super().forward(input)
        # Without labels there is nothing to split or fuse, but a graph is needed: other processes may have some.
        if kernel is LossKernel.DENSE or not len(targets_L):
            return dense_loss_sum(super().forward(input), targets_L)
        if kernel is LossKernel.LIGER:
            return _liger_loss_sum(input, self.weight, targets_L)
        return chunked_loss_sum(input, self.weight, targets_L, chunk)


def kept_states(hidden_BSD: Tensor, kept: int | Tensor) -> Tensor:
    """Hidden states of the positions that get logits: `[B, kept, D]`, or `[kept, D]` of single positions.

    Args:
        kept: the last so many positions, 0 all; or an index of positions; or which of each row, bool `[B, S]`.
    """
    if isinstance(kept, int):
        return hidden_BSD[:, -kept:]
    return hidden_BSD[kept] if kept.dtype is torch.bool else hidden_BSD[:, kept]


def head_loss_sum(head: nn.Module, hidden_LD: Tensor, targets_L: Tensor, kernel: LossKernel, chunk: int) -> Tensor:
    """Summed cross-entropy of the scores that `head` gives to hidden states, a float32 scalar.

    Args:
        head: an `LmHead`, or whatever stands in its place, such as a wrapper with LoRA.
        chunk: positions whose scores exist at a time, with `chunked`.

    Raises:
        ConfigError: when `liger` is to run a head that is not a plain one.
    """
    if isinstance(head, LmHead):
        loss: Tensor = head(hidden_LD, targets_L, kernel, chunk)
        return loss
    if kernel is LossKernel.LIGER:
        raise ConfigError(
            f"model.loss_kernel = liger needs a plain LM head, this model has {type(head).__name__}; use chunked"
        )
    # Processes may differ in their numbers of chunks, but must call partitioned weights equally often.
    if kernel is LossKernel.DENSE or is_partitioned(head):
        return dense_loss_sum(head(hidden_LD), targets_L)
    return _recomputed_loss_sum(head, hidden_LD, targets_L, chunk)


def dense_loss_sum(logits_LV: Tensor, targets_L: Tensor) -> Tensor:
    """Summed cross-entropy in float32, from all scores at once."""
    return functional.cross_entropy(logits_LV.float(), targets_L, reduction="sum")


def chunked_loss_sum(hidden_LD: Tensor, weight_VD: Tensor, targets_L: Tensor, chunk: int) -> Tensor:
    """The same from hidden states and the head's weight, `chunk` positions at a time, forward and backward."""
    device = hidden_LD.device.type
    if torch.is_autocast_enabled(device):
        dtype = torch.get_autocast_dtype(device)
        hidden_LD, weight_VD = hidden_LD.to(dtype), weight_VD.to(dtype)
    loss: Tensor = _ChunkedLossSum.apply(hidden_LD, weight_VD, targets_L, chunk)
    return loss


def _recomputed_loss_sum(head: nn.Module, hidden_LD: Tensor, targets_L: Tensor, chunk: int) -> Tensor:
    def loss_sum(hidden: Tensor, targets: Tensor) -> Tensor:
        return dense_loss_sum(head(hidden), targets)

    chunks = zip(hidden_LD.split(chunk), targets_L.split(chunk), strict=True)
    return torch.stack([checkpoint(loss_sum, *each, use_reentrant=False) for each in chunks]).sum()


def _liger_loss_sum(hidden_LD: Tensor, weight_VD: Tensor, targets_L: Tensor) -> Tensor:
    from liger_kernel.transformers import LigerFusedLinearCrossEntropyLoss

    loss: Tensor = LigerFusedLinearCrossEntropyLoss(reduction="sum")(weight_VD, hidden_LD, targets_L)
    return loss.float()


class _ChunkedLossSum(torch.autograd.Function):
    """Keeps two numbers per position for the backward pass, and computes the scores again there.

    All that touches scores is in functions of one chunk, so that these are gone before the next chunk's are made.
    """

    @staticmethod
    def forward(ctx: Any, hidden_LD: Tensor, weight_VD: Tensor, targets_L: Tensor, chunk: int) -> Tensor:
        with _as_typed(hidden_LD):
            parts = [
                _losses(hidden, weight_VD, targets)
                for hidden, targets in zip(hidden_LD.split(chunk), targets_L.split(chunk), strict=True)
            ]
        losses_L, highest_L, sums_L = (torch.cat(part) for part in zip(*parts, strict=True))
        ctx.chunk = chunk
        ctx.save_for_backward(hidden_LD, weight_VD, targets_L, highest_L, sums_L)
        return losses_L.sum()

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor | None, ...]:
        hidden_LD, weight_VD, targets_L, highest_L, sums_L = ctx.saved_tensors
        grad_hidden_LD = torch.empty_like(hidden_LD) if ctx.needs_input_grad[0] else None
        grad_weight_VD = torch.empty_like(weight_VD) if ctx.needs_input_grad[1] else None
        with _as_typed(hidden_LD):
            for start in range(0, len(targets_L), ctx.chunk):
                rows = slice(start, start + ctx.chunk)
                grad_logits = _grad_logits(
                    hidden_LD[rows], weight_VD, targets_L[rows], highest_L[rows], sums_L[rows], grad
                )
                if grad_hidden_LD is not None:
                    torch.mm(grad_logits, weight_VD, out=grad_hidden_LD[rows])
                if grad_weight_VD is not None:
                    # The first chunk overwrites what is there.
                    grad_weight_VD.addmm_(grad_logits.T, hidden_LD[rows], beta=min(start, 1))
                del grad_logits
        return grad_hidden_LD, grad_weight_VD, None, None


def _as_typed(tensor: Tensor) -> torch.autocast:
    """Arithmetic in the tensors' own types, whatever autocast wants."""
    return torch.autocast(tensor.device.type, enabled=False)


def _losses(hidden_LD: Tensor, weight_VD: Tensor, targets_L: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Cross-entropy at each position of a chunk, its highest score, and the sum of exponentials relative to that."""
    logits_LV = _logits(hidden_LD, weight_VD)
    picked_L = logits_LV.gather(1, targets_L[:, None])[:, 0]
    highest_L = logits_LV.amax(1)
    sums_L = logits_LV.sub_(highest_L[:, None]).exp_().sum(1)
    return sums_L.log() - (picked_L - highest_L), highest_L, sums_L


def _grad_logits(
    hidden_LD: Tensor, weight_VD: Tensor, targets_L: Tensor, highest_L: Tensor, sums_L: Tensor, grad: Tensor
) -> Tensor:
    """Gradient of a chunk's scores, made in place of them: softmax, less 1 at the target, times `grad`."""
    logits_LV = _logits(hidden_LD, weight_VD)
    grads_LV = logits_LV.sub_(highest_L[:, None]).exp_().mul_((grad / sums_L)[:, None])
    targets_L1 = targets_L[:, None]
    grads_LV.scatter_(1, targets_L1, grads_LV.gather(1, targets_L1) - grad)
    return grads_LV.to(hidden_LD.dtype)


def _logits(hidden_LD: Tensor, weight_VD: Tensor) -> Tensor:
    return (hidden_LD @ weight_VD.T).float()
