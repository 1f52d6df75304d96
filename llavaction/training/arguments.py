"""The run's settings as transformers' Trainer takes them."""

from __future__ import annotations

import torch
from transformers import TrainingArguments

from llavaction.training.config import Precision
from llavaction.training.spec import TrainingRun
from llavaction.training.steps import StepPlan
from llavaction.utils.errors import ConfigError


def training_arguments(run: TrainingRun, plan: StepPlan) -> TrainingArguments:
    """Arguments of the trainer; those not named keep their defaults.

    Raises:
        ConfigError: when this machine cannot compute as asked.
    """
    config = run.train
    on_cpu = not torch.cuda.is_available()
    if on_cpu and config.precision is Precision.FP16:
        raise ConfigError("train.precision=fp16 needs a GPU; use fp32 or bf16")
    return TrainingArguments(
        output_dir=str(run.folder),
        max_steps=plan.num_steps,
        per_device_train_batch_size=config.batch_size,
        gradient_accumulation_steps=plan.accumulation,
        learning_rate=config.lr.decoder,
        weight_decay=config.weight_decay,
        warmup_steps=round(config.warmup_ratio * plan.num_steps),
        lr_scheduler_type=config.schedule.value,
        max_grad_norm=config.max_grad_norm,
        bf16=config.precision is Precision.BF16,
        fp16=config.precision is Precision.FP16,
        gradient_checkpointing=config.gradient_checkpointing,
        deepspeed=run.deepspeed or None,
        use_cpu=on_cpu,
        seed=config.seed,
        logging_steps=config.log_every,
        logging_nan_inf_filter=False,
        save_strategy="steps" if config.save_every else "no",
        save_steps=config.save_every or plan.num_steps,
        ignore_data_skip=True,
        dataloader_num_workers=config.num_workers,
        dataloader_persistent_workers=config.num_workers > 0,
        remove_unused_columns=False,
        average_tokens_across_devices=True,
        ddp_find_unused_parameters=False,
        report_to=[],
        run_name=run.folder.name,
        disable_tqdm=True,
    )
