"""A training run, from config to checkpoint."""

from __future__ import annotations

import logging
import os
from dataclasses import replace
from pathlib import Path

from transformers import PreTrainedModel, PrinterCallback

from llavaction.model.lora.adapted import AdaptedModel
from llavaction.processing.batch import Collator
from llavaction.processing.dataset import SftDataset
from llavaction.processing.processor import Processor
from llavaction.processing.threads import share_cores
from llavaction.training.agreement import tell_processes
from llavaction.training.arguments import training_arguments
from llavaction.training.callbacks import MetricsLog, ProgressBar
from llavaction.training.checkpoint_folders import Saved, clean_up, newest_checkpoint
from llavaction.training.checkpointing import Checkpoints
from llavaction.training.combinations import check_combinations, warnings
from llavaction.training.config import CHECKPOINT, BadVideo
from llavaction.training.dropped import DROPPED_FILE, DroppedSamples
from llavaction.training.evaluating import Evaluations, whole_model
from llavaction.training.flops import ModelFlops
from llavaction.training.order import sample_stream
from llavaction.training.parts import count_parameters, parameter_table
from llavaction.training.profiling import Profiler
from llavaction.training.setup import trainable_model
from llavaction.training.spec import TrainingRun
from llavaction.training.steps import StepPlan, plan_steps
from llavaction.training.stopping import RunStopped, StopSignals
from llavaction.training.throughput import Meter, device_peak_tflops
from llavaction.training.trackers import check_trackers, make_trackers
from llavaction.training.trainer import ActionTrainer
from llavaction.training.zero_checkpoints import needs_conversion, reading_universal, zero_stage
from llavaction.utils.errors import ConfigError
from llavaction.utils.processes import num_processes, process_rank
from llavaction.utils.runs import extend_record
from llavaction.video.clip import ClipLoader

logger = logging.getLogger(__name__)


def train(run: TrainingRun) -> Path:
    """Train and return the folder of the final checkpoint.

    The same command continues a run that was stopped, from its newest checkpoint (`train.save_every`).

    Raises:
        ConfigError: when the run is finished already, or its settings contradict each other.
        RunStopped: when it was told to stop by a signal, and has saved where it was.
    """
    with StopSignals() as stop:
        return _train(run, stop)


def _train(run: TrainingRun, stop: StopSignals) -> Path:
    final = run.folder / CHECKPOINT
    if final.exists():
        raise ConfigError(f"{final} exists: this run is finished; choose another folder with output=FOLDER")
    check_combinations(run)
    for warning in warnings(run) if process_rank() == 0 else ():
        logger.warning(warning)
    check_trackers(run.train)
    share_cores(run.train.num_workers)
    model, processor = trainable_model(run)
    counts = count_parameters(model)
    logger.info("what trains:\n%s", parameter_table(counts))
    if process_rank() == 0:
        clean_up(run.folder)
    saved = newest_checkpoint(run.folder)
    if saved is not None:
        tell_processes(saved, run.lora.dropout if run.lora.is_on else 0.0)
    if saved is not None and needs_conversion(saved):
        run = replace(run, deepspeed=reading_universal(run.deepspeed))
    per_step = None if saved is None else saved.progress.samples_per_step
    plan = plan_steps(run.train, len(run.samples), num_processes(), per_step)
    if process_rank() == 0:
        size = sum(count["all"] for count in counts.values())
        extend_record(run.folder, num_steps=plan.num_steps, num_processes=num_processes(), num_parameters=size)

    def add(folder: Path) -> None:
        """What evaluation needs beside the weights."""
        processor.save(folder)
        run.classes.save(folder)

    checkpoints = Checkpoints(run.folder, run.train, plan, zero_stage(run.deepspeed), add)
    if plan.num_steps:
        trainer = _make_trainer(run, model, processor, plan, checkpoints, stop, saved)
        trainer.train_from(run.folder, saved)
        if stop.stopped_at is not None:
            raise RunStopped(f"stopped after step {stop.stopped_at} of {plan.num_steps}; the same command goes on")
        checkpoints.save_final(lambda folder: trainer.save_model(str(folder)))
    else:
        checkpoints.save_final(lambda folder: model.save_pretrained(folder) if process_rank() == 0 else None)
    checkpoints.tell_best()
    logger.info("saved %s", final)
    return final


def _make_trainer(
    run: TrainingRun,
    model: PreTrainedModel | AdaptedModel,
    processor: Processor,
    plan: StepPlan,
    checkpoints: Checkpoints,
    stop: StopSignals,
    saved: Saved | None,
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
        drop_bad_videos=config.bad_video is BadVideo.DROP,
    )
    trainer = ActionTrainer(
        model=model,
        args=arguments,
        train_dataset=dataset,
        data_collator=Collator(processor.pad_id, processor.config.resolution),
        stream=sample_stream(
            run, processor, plan, arguments.device, start=0 if saved is None else saved.progress.num_samples_used
        ),
        checkpoints=checkpoints,
        rate_of=config.lr.of,
        dropped=DroppedSamples(run.folder / DROPPED_FILE, config.max_dropped),
        meter=Meter(ModelFlops.of(whole_model(model)), config.peak_tflops or device_peak_tflops()),
        callbacks=[
            MetricsLog(make_trackers(run), plan.samples_per_step / len(run.samples)),
            ProgressBar(),
            stop,
        ],
    )
    if trainer.is_deepspeed_enabled != bool(run.deepspeed):
        raise ConfigError("deepspeed is configured, but accelerate did not start it; unset ACCELERATE_USE_CPU")
    trainer.remove_callback(PrinterCallback)
    if config.profile.num_steps:
        trainer.add_callback(Profiler(run.folder, config.profile, model))
    if config.eval_every:
        trainer.add_callback(Evaluations(run, processor, trainer))
    return trainer
