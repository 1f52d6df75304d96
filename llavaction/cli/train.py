"""`llavaction train`: samples and videos to a checkpoint."""

from __future__ import annotations

import logging
from dataclasses import replace
from pathlib import Path

from llavaction.cli.checkpoints import usable_checkpoint
from llavaction.config.compose import compose_config, resolved_yaml
from llavaction.config.schema import TrainRoot
from llavaction.processing.mixture import Mixture, load_mixture
from llavaction.processing.used_samples import record_samples
from llavaction.training.changes import check_continuation
from llavaction.training.cpu import settle_on_cpu
from llavaction.utils.console import output
from llavaction.utils.logs import set_up_logging
from llavaction.utils.processes import process_rank
from llavaction.utils.runs import record_run

logger = logging.getLogger(__name__)


def main(overrides: list[str]) -> None:
    """Train the model that `overrides` ask for."""
    run(compose_config("train", overrides))


def run(root: TrainRoot) -> Path:
    """Train, record, and return the checkpoint's folder; a dry run's is the one that it would have written."""
    import torch

    if not torch.cuda.is_available():
        settle_on_cpu(with_deepspeed=bool(root.deepspeed))
    folder = Path(root.output)
    set_up_logging(None if root.train.dry_run else folder)
    from llavaction.training.dry_run import dry_run
    from llavaction.training.run import train
    from llavaction.training.spec import TrainingRun
    from llavaction.training.stopping import STOPPED, RunStopped, ignore_signals

    mixture = load_mixture(root.mixture, root.train.seed)
    model = root.model
    if model.checkpoint is not None:
        model = replace(model, checkpoint=str(usable_checkpoint(model.checkpoint, mixture.classes, model)))
    run = TrainingRun(
        folder,
        mixture.samples,
        mixture.classes,
        root.video,
        model,
        root.train,
        root.deepspeed,
        mixture.media_folders,
        root.lora,
        root.evaluation,
    )
    if root.train.dry_run:
        if process_rank() == 0:
            output.print(dry_run(run), markup=False)
        return folder
    _record(root, mixture, folder)
    try:
        return train(run)
    except RunStopped as stopped:
        ignore_signals()
        logger.warning(stopped)
        raise SystemExit(STOPPED) from None


def _record(root: TrainRoot, mixture: Mixture, folder: Path) -> None:
    """Write down what the run is made of."""
    resumes = check_continuation(folder, resolved_yaml(root))
    samples_sha256 = record_samples(folder, mixture, resumes=resumes, writes=process_rank() == 0)
    if process_rank() == 0:
        record_run(
            folder,
            "train",
            resolved_yaml(root),
            mixture.hashes,
            samples_per_epoch=mixture.counts,
            samples_dropped=mixture.dropped,
            samples_sha256=samples_sha256,
        )
