"""How many samples make a step, and how many steps a run."""

from __future__ import annotations

import logging
from dataclasses import dataclass

from llavaction.training.config import TrainConfig
from llavaction.utils.errors import ConfigError

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class StepPlan:
    """The optimiser steps of a run and what each is made of.

    Attributes:
        num_steps: optimiser steps of the whole run.
        batch_size: samples per process and batch.
        accumulation: batches per process and step.
        num_processes: processes of the run.
    """

    num_steps: int
    batch_size: int
    accumulation: int
    num_processes: int

    @property
    def samples_per_step(self) -> int:
        """Samples of one step over all processes."""
        return self.batch_size * self.accumulation * self.num_processes

    @property
    def num_samples(self) -> int:
        """Samples that the whole run sees, repeated ones counted each time."""
        return self.num_steps * self.samples_per_step


def plan_steps(
    train: TrainConfig, samples_per_epoch: int, num_processes: int, samples_per_step: int | None = None
) -> StepPlan:
    """The steps of a run over `samples_per_epoch` samples.

    Args:
        samples_per_step: what a run that goes on has taken so far; null for a new one.

    Raises:
        ConfigError: when the samples of a step are not a multiple of what the processes take at a time, or there are
            too few samples for one step.
    """
    accumulation = _accumulation(train, num_processes, samples_per_step)
    per_step = train.batch_size * accumulation * num_processes
    if train.max_steps is not None:
        return StepPlan(train.max_steps, train.batch_size, accumulation, num_processes)
    num_wanted = round(train.epochs * samples_per_epoch)
    num_steps, left_out = divmod(num_wanted, per_step)
    if num_steps == 0:
        raise ConfigError(
            f"{num_wanted} samples do not fill one step of {per_step} (batch_size x gradient_accumulation x "
            "processes); lower train.batch_size or train.global_batch_size, or raise train.epochs"
        )
    if left_out:
        logger.warning("%d of %d samples do not fill the last step and are left out", left_out, num_wanted)
    return StepPlan(num_steps, train.batch_size, accumulation, num_processes)


def _accumulation(train: TrainConfig, num_processes: int, samples_per_step: int | None) -> int:
    """Batches per process and step."""
    at_a_time = train.batch_size * num_processes
    if samples_per_step is not None:
        return _kept_accumulation(train, samples_per_step, at_a_time)
    if train.global_batch_size is None:
        return train.gradient_accumulation or 1
    accumulation, rest = divmod(train.global_batch_size, at_a_time)
    if rest or not accumulation:
        raise ConfigError(
            f"train.global_batch_size = {train.global_batch_size} is not a multiple of the {at_a_time} samples that "
            f"{num_processes} processes take at a time; change train.batch_size or the number of processes"
        )
    return accumulation


def _kept_accumulation(train: TrainConfig, samples_per_step: int, at_a_time: int) -> int:
    """Batches with which a run that goes on keeps the samples of its steps."""
    accumulation, rest = divmod(samples_per_step, at_a_time)
    if rest or not accumulation:
        raise ConfigError(
            f"the run goes on with the {samples_per_step} samples per step that it began with, which is not a multiple "
            f"of the {at_a_time} that the processes take at a time (train.batch_size = {train.batch_size} each); set "
            "train.batch_size, or the number of processes, so that it is"
        )
    configured = train.gradient_accumulation or 1
    if train.global_batch_size is None and accumulation != configured:
        logger.info("%d batches per step and process instead of %d keep its samples", accumulation, configured)
    return accumulation
