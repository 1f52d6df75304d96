"""A training run, from config to checkpoint."""

from __future__ import annotations

import logging
import os
from pathlib import Path

from transformers import PreTrainedModel, PrinterCallback
from transformers.trainer_utils import get_last_checkpoint

from llavaction.model.lora.adapted import AdaptedModel
from llavaction.processing.batch import Collator
from llavaction.processing.dataset import SftDataset
from llavaction.processing.processor import Processor
from llavaction.processing.threads import share_cores
from llavaction.training.arguments import training_arguments
from llavaction.training.callbacks import MetricsFile, ProcessorSaver, ProgressBar
from llavaction.training.config import CHECKPOINT
from llavaction.training.lora import check_lora
from llavaction.training.parts import count_parameters, parameter_table
from llavaction.training.setup import trainable_model
from llavaction.training.spec import TrainingRun
from llavaction.training.steps import StepPlan, plan_steps
from llavaction.training.stream import EpochStream
from llavaction.training.trainer import ActionTrainer
from llavaction.utils.errors import ConfigError
from llavaction.utils.processes import num_processes, process_rank
from llavaction.video.clip import ClipLoader

logger = logging.getLogger(__name__)


def train(run: TrainingRun) -> Path:
    """Train and return the folder of the final checkpoint.

    The same command continues a run that was stopped, from its newest checkpoint (`train.save_every`).

    Raises:
        ConfigError: when the run is finished already, or its settings contradict each other.
    """
    final = run.folder / CHECKPOINT
    if final.exists():
        raise ConfigError(f"{final} exists: this run is finished; choose another folder with output=FOLDER")
    check_lora(run.lora, run.model, run.train, run.deepspeed)
    share_cores(run.train.num_workers)
    model, processor = trainable_model(run)
    logger.info("what trains:\n%s", parameter_table(count_parameters(model)))
    plan = plan_steps(run.train, len(run.samples), num_processes())
    # Renamed when all is in it: a folder of the final name is whole.
    partial = final.with_suffix(".partial")
    if plan.num_steps:
        trainer = _make_trainer(run, model, processor, plan)
        newest = get_last_checkpoint(str(run.folder))
        if newest is not None:
            logger.info("continues from %s", newest)
        trainer.train(resume_from_checkpoint=newest)
        trainer.accelerator.wait_for_everyone()
        trainer.save_model(str(partial))
        trainer.accelerator.wait_for_everyone()
    elif process_rank() == 0:
        model.save_pretrained(partial)
    if process_rank() == 0:
        processor.save(partial)
        run.classes.save(partial)
        partial.rename(final)
    logger.info("saved %s", final)
    return final


def _make_trainer(
    run: TrainingRun, model: PreTrainedModel | AdaptedModel, processor: Processor, plan: StepPlan
) -> ActionTrainer:
    config = run.train
    if run.deepspeed and "LOCAL_RANK" not in os.environ:
        raise ConfigError(
            "deepspeed is configured: start its processes, also a single one, by "
            "torchrun --nproc_per_node 1 -m llavaction train ..., or set deepspeed=none"
        )
    arguments = training_arguments(run, plan)
    if arguments.n_gpu > 1:
        raise ConfigError(
            f"one process sees {arguments.n_gpu} GPUs; start one process per GPU: "
            f"torchrun --nproc_per_node {arguments.n_gpu} -m llavaction train ..."
        )
    dataset = SftDataset(
        run.samples,
        ClipLoader(run.video),
        processor,
        jitter=config.jitter,
        seed=config.seed,
        media_folders=run.media_folders,
    )
    trainer = ActionTrainer(
        model=model,
        args=arguments,
        train_dataset=dataset,
        data_collator=Collator(processor.pad_id),
        stream=EpochStream(len(run.samples), plan.num_samples, config.seed),
        rate_of=config.lr.of,
        callbacks=[
            MetricsFile(run.folder / "metrics.jsonl", plan.samples_per_step / len(run.samples)),
            ProgressBar(),
            ProcessorSaver(processor),
        ],
    )
    if trainer.is_deepspeed_enabled != bool(run.deepspeed):
        raise ConfigError("deepspeed is configured, but accelerate did not start it; unset ACCELERATE_USE_CPU")
    trainer.remove_callback(PrinterCallback)
    return trainer
