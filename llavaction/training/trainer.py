"""transformers' Trainer with this project's losses, learning rates and sample order."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn
from torch.utils.data import Sampler

from llavaction.model.config import NO_LABEL
from llavaction.processing.batch import model_arguments
from llavaction.training.config import Part
from llavaction.training.dropped import DroppedSamples
from llavaction.training.guards import StepGuard, take_batches
from llavaction.training.parts import parameter_groups
from llavaction.training.resuming import ResumableTrainer
from llavaction.training.throughput import Meter

TERMS = ("lm_loss", "verb_loss", "noun_loss", "action_loss", "distill_loss")


class ActionTrainer(ResumableTrainer):
    """Loss terms are sums over counts of the whole step, so they depend neither on ranks nor on accumulation."""

    def __init__(
        self,
        *,
        stream: Sampler[int],
        rate_of: Callable[[Part], float],
        dropped: DroppedSamples,
        meter: Meter,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.add_callback(dropped)
        self.add_callback(meter)
        self.meter = meter
        # The model divides by the global counts that it is given; nothing is left to average.
        self.model_accepts_loss_kwargs = True
        self.loss_is_scaled_for_ga = True
        self._stream = stream
        self._rate_of = rate_of
        self._num_action_labels: Tensor | None = None
        self._num_action_samples: Tensor | None = None
        self._term_sums: dict[str, Tensor] = {}
        self._num_micro_batches = 0
        self._dropped = dropped
        self._guard = StepGuard(self.accelerator, kwargs["model"], fp16=self.args.fp16)
        self._teaches = True

    def get_train_dataloader(self) -> Any:
        """The loader, with a meter on it."""
        return self.meter.watch(super().get_train_dataloader())

    def _get_train_sampler(self, train_dataset: Any = None) -> Sampler[int]:
        return self._stream

    def create_optimizer(self, model: Any = None) -> torch.optim.Optimizer:
        """AdamW (or what the arguments name) with one learning rate per part."""
        if self.optimizer is None:
            trained: Any = self.model if model is None else model
            groups = parameter_groups(trained.named_parameters(), self._rate_of, self.args.weight_decay)
            optimizer_class, arguments = self.get_optimizer_cls_and_kwargs(self.args, trained)
            self.optimizer = optimizer_class(groups, **arguments)
        return self.optimizer

    def _save(self, output_dir: str | None = None, state_dict: dict[str, Tensor] | None = None) -> None:
        """Write the weights, tied ones once: from ZeRO-1 and -2 comes a copy of them under each of their names."""
        model: Any = self.model
        if state_dict is not None:
            tied = model.all_tied_weights_keys
            state_dict = {name: weight for name, weight in state_dict.items() if name not in tied}
        super()._save(output_dir, state_dict)

    def get_batch_samples(self, epoch_iterator: Any, num_batches: int, device: torch.device) -> Any:
        """The batches of one step, and the labelled tokens, class labels and action samples that all ranks hold."""
        self.meter.start_step()
        taken, skipped = take_batches(self.accelerator, epoch_iterator, num_batches)
        if skipped:
            self._dropped.add(self.state.global_step + 1, skipped)
        batches, num_items = super().get_batch_samples(iter(taken), num_batches, device)
        self.meter.count(batches)
        self._teaches = bool(num_items)
        model: Any = self.accelerator.unwrap_model(self.model)
        num_labels = sum(int((batch["action_labels"][:, 0] != NO_LABEL).sum()) for batch in batches)
        num_samples = 0
        if model.action_token is not None:
            num_samples = sum(len(model.action_samples(batch["input_ids"])) for batch in batches)
        counts = torch.tensor([num_labels, num_samples], device=device)
        self._num_action_labels, self._num_action_samples = self.accelerator.reduce(counts, reduction="sum")
        return batches, num_items

    def training_step(self, model: nn.Module, inputs: Any, num_items_in_batch: Any = None) -> Tensor:
        """Forward and backward pass of one batch, unless no process has a sample left in the whole step.

        Such a step is counted, for the order of samples and the learning rates, and leaves weights and the optimiser's
        state alone: AdamW would go on moving all weights by what it remembers of earlier gradients.
        """
        if self._teaches:
            return super().training_step(model, inputs, num_items_in_batch)
        # As between two batches of one step: the optimiser that accelerate wraps waits for gradients.
        self.accelerator.gradient_state._set_sync_gradients(False)
        self._num_micro_batches += 1
        return torch.zeros((), device=self.args.device)

    def _clip_grad_norm(self, model: nn.Module) -> Tensor | float:
        return self._guard.clip(self.state.global_step + 1, model, self.args.max_grad_norm)

    def _get_grad_norm(self, model: nn.Module, grad_norm: Any = None) -> Tensor | float:
        if grad_norm is None:
            grad_norm = self._guard.clip(self.state.global_step + 1, model, math.inf)
        norm: Tensor | float = grad_norm
        return norm

    def compute_loss(
        self, model: nn.Module, inputs: Any, return_outputs: bool = False, num_items_in_batch: Any = None
    ) -> Any:
        """This rank's share of the step's loss, times the ranks, over which gradients are averaged."""
        outputs = model(
            **model_arguments(inputs),
            num_items_in_batch=num_items_in_batch,
            num_action_labels=self._num_action_labels,
            num_action_samples=self._num_action_samples,
        )
        terms = {name: term.detach().float() for name in TERMS if (term := getattr(outputs, name)) is not None}
        for name, term in terms.items():
            self._term_sums[name] = self._term_sums.get(name, 0) + term
        self._guard.note(inputs["sample_ids"], outputs.loss, terms)
        self._num_micro_batches += 1
        loss = outputs.loss * self.accelerator.num_processes
        return (loss, outputs) if return_outputs else loss

    def log(self, logs: dict[str, float], *args: Any, **kwargs: Any) -> None:
        """Add the loss terms, each part's learning rate, the speed and what was dropped to a step's log line."""
        if "loss" in logs and self._num_micro_batches:
            logs.update(self._take_terms())
            logs.pop("learning_rate", None)
            groups = self.optimizer.param_groups if self.optimizer is not None else []
            logs.update({f"lr_{group['name']}": float(group["lr"]) for group in groups if "name" in group})
            figures: Any = self.meter.take(self.accelerator.gather)
            logs.update(figures, num_dropped=self._dropped.num_dropped)
        super().log(logs, *args, **kwargs)

    def _take_terms(self) -> dict[str, float]:
        """Each loss term, averaged over the steps since the last call; those that no rank has seen are left out."""
        num_steps = self._num_micro_batches / self.args.gradient_accumulation_steps
        sums = [float(self._term_sums.get(name, 0)) for name in TERMS]
        seen = [float(name in self._term_sums) for name in TERMS]
        # One exchange of fixed size, as ranks may have seen different terms.
        totals = self.accelerator.reduce(torch.tensor([sums, seen], device=self.args.device), reduction="sum").tolist()
        self._term_sums, self._num_micro_batches = {}, 0
        return {name: total / num_steps for name, total, ranks in zip(TERMS, *totals, strict=True) if ranks}
