"""A Trainer that goes on from its checkpoints as if it had never stopped."""

from __future__ import annotations

import contextlib
import logging
from pathlib import Path
from typing import Any

from torch import nn
from transformers import Trainer
from transformers.trainer import TRAINER_STATE_NAME

from llavaction.training.agreement import check_agreed
from llavaction.training.checkpoint_folders import Saved
from llavaction.training.checkpointing import Checkpoints
from llavaction.training.randomness import StepSeeds
from llavaction.training.stopping import shield_workers
from llavaction.training.zero_checkpoints import converted, known_classes_only, needs_conversion, settle_loaded

logger = logging.getLogger(__name__)


class ResumableTrainer(Trainer):
    """Saves through `Checkpoints`; no random state is saved, as no draw depends on an earlier one."""

    def __init__(self, *, checkpoints: Checkpoints, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.add_callback(checkpoints)
        self.add_callback(StepSeeds(self.args.seed))
        self._checkpoints = checkpoints
        self._groups: list[dict[str, Any]] = []

    def train_from(self, run_folder: Path, saved: Saved | None) -> None:
        """Train from the checkpoint `saved`, or from the start.

        Raises:
            CheckpointError: when processes see different checkpoints, or this number of them cannot read it.
        """
        check_agreed(run_folder, saved)
        if saved is None:
            self.train()
            return
        logger.info("continues from %s, after %d samples", saved.folder, saved.progress.num_samples_used)
        source = converted(saved) if needs_conversion(saved) else saved.folder
        with known_classes_only() if self.is_deepspeed_enabled else contextlib.nullcontext():
            self.train(resume_from_checkpoint=str(source))

    def get_train_dataloader(self) -> Any:
        """The loader, whose processes ignore signals that are meant for this one."""
        return shield_workers(super().get_train_dataloader())

    def create_scheduler(self, *args: Any, **kwargs: Any) -> Any:
        """The scheduler; what the optimiser's groups are like before a checkpoint is read is remembered."""
        scheduler = super().create_scheduler(*args, **kwargs)
        assert self.optimizer is not None
        self._groups = [
            {key: value for key, value in group.items() if key != "params"} for group in self.optimizer.param_groups
        ]
        return scheduler

    def _save_checkpoint(self, model: nn.Module, trial: Any) -> None:
        self._checkpoints.save(self.state.global_step, self._write_state)

    def _write_state(self, folder: Path) -> None:
        """Write weights, optimiser, schedule and counters: this process's part of them."""
        self.save_model(str(folder), _internal_call=True)
        self._save_optimizer_and_scheduler(str(folder))
        self._save_scaler(str(folder))
        if self.args.should_save:
            self.state.save_to_json(str(folder / TRAINER_STATE_NAME))

    def _load_optimizer_and_scheduler(self, checkpoint: str | None) -> None:
        super()._load_optimizer_and_scheduler(checkpoint)
        if checkpoint is not None and self.is_deepspeed_enabled:
            scheduler: Any = self.lr_scheduler
            settle_loaded(self.model_wrapped, self._groups, scheduler.get_last_lr())
