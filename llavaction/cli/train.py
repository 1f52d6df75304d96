"""`llavaction train`: samples and videos to a checkpoint."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from llavaction.cli.checkpoints import usable_checkpoint
from llavaction.config.compose import compose_config, resolved_yaml
from llavaction.config.schema import TrainRoot
from llavaction.processing.mixture import load_mixture
from llavaction.training.cpu import settle_on_cpu
from llavaction.utils.logs import set_up_logging
from llavaction.utils.processes import process_rank
from llavaction.utils.runs import record_run


def main(overrides: list[str]) -> None:
    """Train the model that `overrides` ask for."""
    run(compose_config("train", overrides))


def run(root: TrainRoot) -> Path:
    """Train, record, and return the checkpoint's folder."""
    import torch

    if not torch.cuda.is_available():
        settle_on_cpu(with_deepspeed=bool(root.deepspeed))
    folder = Path(root.output)
    set_up_logging(folder)
    from llavaction.training.run import train
    from llavaction.training.spec import TrainingRun

    mixture = load_mixture(root.mixture, root.train.seed)
    if process_rank() == 0:
        record_run(
            folder,
            "train",
            resolved_yaml(root),
            mixture.hashes,
            samples_per_epoch=mixture.counts,
            samples_dropped=mixture.dropped,
        )
    model = root.model
    if model.checkpoint is not None:
        model = replace(model, checkpoint=str(usable_checkpoint(model.checkpoint, mixture.classes, model)))
    return train(
        TrainingRun(
            folder,
            mixture.samples,
            mixture.classes,
            root.video,
            model,
            root.train,
            root.deepspeed,
            mixture.media_folders,
            root.lora,
        )
    )
