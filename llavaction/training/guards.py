"""What ends a run in all its processes together: an error that one has met, losses or gradients that are no numbers.

A process that stopped alone would leave the others waiting for it in their next exchange.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice
from typing import Any, NoReturn

import torch
from accelerate import Accelerator
from accelerate.utils import gather_object
from torch import Tensor, nn
from torch.nn.utils import clip_grads_with_norm_, get_total_norm

from llavaction.processing.batch import Batch, Skipped
from llavaction.training.gradients import BadGradients, DeepSpeedGradients, find_bad_gradients, find_bad_weights
from llavaction.utils.errors import LlavactionError

NUM_NAMED = 4
"""Batches that an error names; the others are counted."""

TOLERATED_OVERFLOWS = 20
"""Steps in a row that float16 may lose to gradients too large for it: each halves the loss scale, which starts at
2 ** 16."""


class DivergenceError(LlavactionError):
    """A step whose losses or gradients are no numbers."""


def take_batches(accelerator: Accelerator, batches: Iterator[Batch], count: int) -> tuple[list[Batch], list[Skipped]]:
    """This process's batches of one step, and what all processes skipped in theirs.

    Raises:
        LlavactionError: what any process met in loading its batches, in all processes.
        RuntimeError: the same for errors that no user can mend.
    """
    taken: list[Batch] = []
    error: Exception | None = None
    try:
        taken = list(islice(batches, count))
    except Exception as found:  # noqa: BLE001 - whatever it is, the others must not wait for this process
        error = found
    skipped = [sample for batch in taken for sample in batch["skipped"]]
    num_failed, num_skipped = _totals(accelerator, [error is not None, len(skipped)])
    if num_failed:
        _raise_together(accelerator, error)
    return taken, gather_object(skipped) if num_skipped else []


def _totals(accelerator: Accelerator, numbers: list[Any]) -> list[int]:
    """Sums over all processes."""
    own = torch.tensor(numbers, dtype=torch.long, device=accelerator.device)
    totals: list[int] = accelerator.reduce(own, reduction="sum").tolist()
    return totals


def _raise_together(accelerator: Accelerator, error: Exception | None) -> NoReturn:
    if accelerator.num_processes == 1:
        assert error is not None
        raise error
    own = None if error is None else (accelerator.process_index, type(error), str(error))
    met = next(found for found in gather_object([own]) if found is not None)
    process, kind, text = met
    if issubclass(kind, LlavactionError):
        raise kind(f"{text.rstrip()} (met by process {process})") from error
    raise RuntimeError(f"process {process}: {kind.__name__}: {text}") from error


@dataclass(frozen=True)
class NotedBatch:
    """One batch of the step at hand: its loss and the terms that make it, all scalars."""

    sample_ids: list[str]
    loss: Tensor
    terms: dict[str, Tensor]

    def describe(self, process: int) -> str:
        """The batch with its terms, as an error names it."""
        terms = ", ".join(f"{name} {float(term):.4g}" for name, term in self.terms.items())
        return f"samples {self.sample_ids} on process {process} ({terms})"


class StepGuard:
    """Looks at the losses and the gradients of each optimiser step, once, before anything of it is logged or saved."""

    def __init__(self, accelerator: Accelerator, model: nn.Module, *, fp16: bool) -> None:
        """`fp16`: gradients may be too large for a few steps, until the loss scale fits."""
        self._accelerator = accelerator
        self._model = model
        self._tolerated = TOLERATED_OVERFLOWS if fp16 else 0
        self._overflows = 0
        self._batches: list[NotedBatch] = []
        self._dropped_gradients: DeepSpeedGradients | None = None

    def note(self, sample_ids: list[str], loss: Tensor, terms: dict[str, Tensor]) -> None:
        """Remember a batch before its backward pass. Nothing is read from the device until its step is checked."""
        self._batches.append(NotedBatch(sample_ids, loss.detach(), terms))
        engine = getattr(self._accelerator, "deepspeed_engine_wrapped", None)
        if engine is not None:
            if self._dropped_gradients is None:
                self._dropped_gradients = DeepSpeedGradients(engine.engine.optimizer, self._model)
            self._dropped_gradients.wanted = self._overflows >= self._tolerated

    def clip(self, step: int, model: nn.Module, max_norm: float) -> float | Tensor:
        """Check the step, and scale its gradients down to `max_norm`; their norm before that.

        0 for a step without any batch. `model` is as accelerate has wrapped it.

        Raises:
            DivergenceError: in all processes, when losses or gradients are not finite on any of them; naming the step
                and the samples and terms, or the parts with bad gradients.
        """
        if not self._batches:
            return 0.0
        if self._dropped_gradients is not None:
            # DeepSpeed has clipped them and made the step already, or left it out.
            norm = float(self._accelerator.clip_grad_norm_(model.parameters(), max_norm))
            self._check(step, norm)
            return norm
        self._accelerator.unscale_gradients()
        weights = [weight for weight in model.parameters() if weight.grad is not None]
        total = get_total_norm([weight.grad for weight in weights if weight.grad is not None])
        self._check(step, total)
        clip_grads_with_norm_(weights, max_norm, total)
        return total

    def _check(self, step: int, norm: Tensor | float) -> None:
        batches, self._batches = self._batches, []
        losses = torch.stack([batch.loss.float() for batch in batches])
        norms = torch.as_tensor(norm, dtype=torch.float32, device=losses.device)
        bad = torch.stack([(~losses.isfinite()).sum(), (~norms.isfinite()).sum()])
        bad_losses, bad_norms = self._accelerator.reduce(bad, reduction="sum").tolist()
        if bad_losses:
            raise DivergenceError(self._bad_loss(step, batches))
        self._overflows = self._overflows + 1 if bad_norms else 0
        if self._overflows > self._tolerated:
            raise DivergenceError(self._bad_gradients(step, float(norm)))

    def _bad_loss(self, step: int, batches: list[NotedBatch]) -> str:
        process = self._accelerator.process_index
        own = [batch.describe(process) for batch in batches if not math.isfinite(float(batch.loss))]
        found = gather_object(own)
        more = f"; and {len(found) - NUM_NAMED} more" if len(found) > NUM_NAMED else ""
        named = "; ".join(found[:NUM_NAMED])
        return f"step {step}: the loss is not finite in {len(found)} of its batches: {named}{more}. {self._remedy()}"

    def _bad_gradients(self, step: int, norm: float) -> str:
        found: BadGradients
        if self._dropped_gradients is not None:
            found = self._dropped_gradients.found
        else:
            gradients = ((name, weight.grad) for name, weight in self._model.named_parameters())
            found = find_bad_gradients(gradients)
        return (
            f"step {step}: all losses are finite, but the norm of the gradients is {norm}: {found.describe()}. "
            f"{self._remedy()}"
        )

    def _remedy(self) -> str:
        names = sorted(set(gather_object(find_bad_weights(self._model))))
        if names:
            return (
                f"{len(names)} of the weights are not finite themselves (first {names[0]}): start from another "
                "checkpoint, or from one that was saved before they became so, with a lower train.lr"
            )
        return "All weights are finite: lower train.lr, or raise train.warmup_ratio"
