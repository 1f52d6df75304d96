"""Dropout as a function of (seed, step, process), so that it does not depend on what ran before."""

from __future__ import annotations

from typing import Any

import torch
from transformers import TrainerCallback, TrainerControl, TrainerState, TrainingArguments

from llavaction.utils.processes import process_rank
from llavaction.utils.seeding import seed_for


class StepSeeds(TrainerCallback):
    """Seeds torch anew before each step.

    A run that goes on from a checkpoint then draws what an uninterrupted one does, without any saved random state.
    """

    def __init__(self, seed: int) -> None:
        self._seed = seed

    def on_step_begin(
        self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **kwargs: Any
    ) -> None:
        torch.manual_seed(seed_for(self._seed, "dropout", state.global_step, process_rank()))
