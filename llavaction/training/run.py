"""A training run, from config to checkpoint."""

from __future__ import annotations

import logging
import os
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import torch
from transformers import PreTrainedModel, PrinterCallback, TrainingArguments
from transformers.trainer_utils import get_last_checkpoint

from llavaction.model.build import ClassCounts, load_model, new_model, train_on
from llavaction.model.config import ModelConfig
from llavaction.model.lora.adapted import AdaptedModel
from llavaction.model.lora.config import LoraConfig
from llavaction.model.modeling import LlavactionForConditionalGeneration
from llavaction.processing.batch import Collator
from llavaction.processing.dataset import SftDataset
from llavaction.processing.processor import Processor, ProcessorConfig
from llavaction.processing.threads import share_cores
from llavaction.processing.tokenizer import load_tokenizer, num_token_ids, train_tokenizer
from llavaction.sft.classes import ClassTable
from llavaction.sft.samples import Sample
from llavaction.training.callbacks import MetricsFile, ProcessorSaver, ProgressBar
from llavaction.training.config import CHECKPOINT, Precision, TrainConfig, WandbMode
from llavaction.training.lora import check_lora, with_lora
from llavaction.training.parts import count_parameters, freeze_parts, parameter_table
from llavaction.training.stream import EpochStream
from llavaction.training.trainer import ActionTrainer
from llavaction.utils.errors import ConfigError
from llavaction.utils.processes import num_processes, process_rank
from llavaction.video.clip import ClipLoader
from llavaction.video.layout import VideoConfig

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class TrainingRun:
    """Everything a run needs; `deepspeed` is empty for plain data parallelism, `media_folders` without `media`.

    `lora` trains adapters on the checkpoint that `model` names.
    """

    folder: Path
    samples: list[Sample]
    classes: ClassTable
    video: VideoConfig
    model: ModelConfig
    train: TrainConfig
    deepspeed: dict[str, Any]
    media_folders: Mapping[str, Path] = field(default_factory=dict)
    lora: LoraConfig = field(default_factory=LoraConfig)


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
    model, processor = _trainable(run)
    logger.info("what trains:\n%s", parameter_table(count_parameters(model)))
    num_steps = _num_steps(run)
    # Renamed when all is in it: a folder of the final name is whole.
    partial = final.with_suffix(".partial")
    if num_steps:
        trainer = _make_trainer(run, model, processor, num_steps)
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


def _trainable(run: TrainingRun) -> tuple[PreTrainedModel | AdaptedModel, Processor]:
    """The model with what does not train frozen, and adapters where they are asked for."""
    model, processor = _build(run)
    if run.lora.is_on:
        assert run.model.checkpoint is not None
        return with_lora(model, run.lora, Path(run.model.checkpoint), run.train), processor
    freeze_parts(model, run.train.freeze)
    return model, processor


def _build(run: TrainingRun) -> tuple[LlavactionForConditionalGeneration, Processor]:
    config = run.model
    if config.checkpoint is not None:
        folder = Path(config.checkpoint)
        model = load_model(folder, dtype=config.dtype, attention=config.attention, quantize=run.lora.quantize)
        if model.action_token is not None:
            ClassTable.load(folder).check_same(run.classes, str(folder), "the mixture")
        train_on(model, config)
        processor = Processor.load(folder)
        changed = replace(processor.config, num_frames=run.video.num_frames, max_length=run.train.max_length)
        return model, Processor(processor.tokenizer, changed)
    if config.tokenizer is None:
        texts = (turn.text for sample in run.samples for turn in sample.turns)
        tokenizer = train_tokenizer(texts, config.tokenizer_vocab_size)
    else:
        tokenizer = load_tokenizer(config.tokenizer)
    model = new_model(
        config,
        ClassCounts(len(run.classes.verbs), len(run.classes.nouns), len(run.classes.actions)),
        num_token_ids=num_token_ids(tokenizer),
        eos_token_id=tokenizer.eos_token_id,
        pad_token_id=tokenizer.pad_token_id,
        seed=run.train.seed,
    )
    vision: Any = model.config.vision_config
    processor_config = ProcessorConfig(
        layout=model.config.token_layout,
        resolution=vision.image_size,
        num_frames=run.video.num_frames,
        max_length=run.train.max_length,
    )
    return model, Processor(tokenizer, processor_config)


def _num_steps(run: TrainingRun) -> int:
    if run.train.max_steps is not None:
        return run.train.max_steps
    per_step = run.train.batch_size * run.train.gradient_accumulation * num_processes()
    num_wanted = round(run.train.epochs * len(run.samples))
    num_steps, left_out = divmod(num_wanted, per_step)
    if num_steps == 0:
        raise ConfigError(
            f"{num_wanted} samples do not fill one step of {per_step} (batch_size x gradient_accumulation x "
            "processes); lower train.batch_size or raise train.epochs"
        )
    if left_out:
        logger.warning("%d of %d samples do not fill the last step and are left out", left_out, num_wanted)
    return num_steps


def _make_trainer(
    run: TrainingRun, model: PreTrainedModel | AdaptedModel, processor: Processor, num_steps: int
) -> ActionTrainer:
    config = run.train
    if run.deepspeed and "LOCAL_RANK" not in os.environ:
        raise ConfigError(
            "deepspeed is configured: start its processes, also a single one, by "
            "torchrun --nproc_per_node 1 -m llavaction train ..., or set deepspeed=none"
        )
    arguments = _training_arguments(run, num_steps)
    if arguments.n_gpu > 1:
        raise ConfigError(
            f"one process sees {arguments.n_gpu} GPUs; start one process per GPU: "
            f"torchrun --nproc_per_node {arguments.n_gpu} -m llavaction train ..."
        )
    length = num_steps * config.batch_size * config.gradient_accumulation * num_processes()
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
        stream=EpochStream(len(run.samples), length, config.seed),
        rate_of=config.lr.of,
        callbacks=[
            MetricsFile(run.folder / "metrics.jsonl", length / num_steps / len(run.samples)),
            ProgressBar(),
            ProcessorSaver(processor),
        ],
    )
    if trainer.is_deepspeed_enabled != bool(run.deepspeed):
        raise ConfigError("deepspeed is configured, but accelerate did not start it; unset ACCELERATE_USE_CPU")
    trainer.remove_callback(PrinterCallback)
    return trainer


def _training_arguments(run: TrainingRun, num_steps: int) -> TrainingArguments:
    config = run.train
    on_cpu = not torch.cuda.is_available()
    if on_cpu and config.precision is Precision.FP16:
        raise ConfigError("train.precision=fp16 needs a GPU; use fp32 or bf16")
    if config.wandb is not WandbMode.DISABLED:
        os.environ["WANDB_MODE"] = config.wandb.value
    return TrainingArguments(
        output_dir=str(run.folder),
        max_steps=num_steps,
        per_device_train_batch_size=config.batch_size,
        gradient_accumulation_steps=config.gradient_accumulation,
        learning_rate=config.lr.decoder,
        weight_decay=config.weight_decay,
        warmup_steps=round(config.warmup_ratio * num_steps),
        lr_scheduler_type=config.schedule.value,
        max_grad_norm=config.max_grad_norm,
        bf16=config.precision is Precision.BF16,
        fp16=config.precision is Precision.FP16,
        gradient_checkpointing=config.gradient_checkpointing,
        deepspeed=run.deepspeed or None,
        use_cpu=on_cpu,
        seed=config.seed,
        logging_steps=config.log_every,
        save_strategy="steps" if config.save_every else "no",
        save_steps=config.save_every or num_steps,
        save_total_limit=config.keep_checkpoints,
        dataloader_num_workers=config.num_workers,
        dataloader_persistent_workers=config.num_workers > 0,
        remove_unused_columns=False,
        average_tokens_across_devices=True,
        ddp_find_unused_parameters=False,
        report_to=["wandb"] if config.wandb is not WandbMode.DISABLED else [],
        run_name=run.folder.name,
        disable_tqdm=True,
    )
