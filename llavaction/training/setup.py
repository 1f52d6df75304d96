"""The model that a run trains, and the processor that goes with it."""

from __future__ import annotations

import logging
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch
from torch import nn
from transformers import PreTrainedModel

from llavaction.model.build import ClassCounts, load_model, new_config, random_model, train_on
from llavaction.model.config import ActionSupervision
from llavaction.model.hf_config import LlavactionConfig
from llavaction.model.lora.adapted import AdaptedModel, add_lora
from llavaction.model.lora.base import Base
from llavaction.model.modeling import LlavactionForConditionalGeneration
from llavaction.model.new_token import add_action_token
from llavaction.processing.processor import Processor, ProcessorConfig
from llavaction.processing.tokenizer import load_tokenizer, num_token_ids, train_tokenizer
from llavaction.sft.classes import ClassTable
from llavaction.training.lora import ADAPTED_PARTS, with_lora
from llavaction.training.parts import freeze_parts
from llavaction.training.spec import TrainingRun
from llavaction.utils.errors import ConfigError

logger = logging.getLogger(__name__)


def trainable_model(run: TrainingRun) -> tuple[PreTrainedModel | AdaptedModel, Processor]:
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
        elif config.supervision is not ActionSupervision.NONE:
            _add_token(model, run)
        train_on(model, config)
        return model, _kept_processor(folder, model.config, run)
    hf_config, processor = _new_parts(run)
    return random_model(config, hf_config, run.train.seed), processor


def model_outline(run: TrainingRun) -> tuple[nn.Module, Processor]:
    """The same as `trainable_model` but without weights: every parameter is there, on the device `meta`.

    An adapter's folder is outlined as its base, into which it is merged.
    """
    config = run.model
    if config.checkpoint is None:
        hf_config, processor = _new_parts(run)
    else:
        folder = Path(config.checkpoint)
        hf_config = LlavactionConfig.from_pretrained(folder)
        if hf_config.supervision == ActionSupervision.NONE and config.supervision is not ActionSupervision.NONE:
            hf_config.supervision = config.supervision.value
            hf_config.num_verbs, hf_config.num_nouns, hf_config.num_actions = _num_classes(run)
        processor = _kept_processor(folder, hf_config, run)
    with torch.device("meta"):
        model: Any = LlavactionForConditionalGeneration(hf_config)
        model.vision.chunk, model.loss_chunk = config.vision_chunk, config.loss_chunk
        if run.lora.is_on:
            model = add_lora(model, run.lora, Base(Path(str(config.checkpoint)), {}), run.train.seed)
    freeze_parts(model, [*(ADAPTED_PARTS if run.lora.is_on else ()), *run.train.freeze])
    return model, processor


def _new_parts(run: TrainingRun) -> tuple[LlavactionConfig, Processor]:
    """Configuration and processor of a model that has no checkpoint."""
    config = run.model
    if config.tokenizer is None:
        texts = (turn.text for sample in run.samples for turn in sample.turns)
        tokenizer = train_tokenizer(texts, config.tokenizer_vocab_size)
    else:
        tokenizer = load_tokenizer(config.tokenizer)
    hf_config = new_config(
        config,
        ClassCounts(*_num_classes(run)),
        num_token_ids=num_token_ids(tokenizer),
        eos_token_id=tokenizer.eos_token_id,
        pad_token_id=tokenizer.pad_token_id,
    )
    vision: Any = hf_config.vision_config
    processor_config = ProcessorConfig(
        layout=hf_config.token_layout,
        resolution=vision.image_size,
        num_frames=run.video.num_frames,
        max_length=run.train.max_length,
    )
    return hf_config, Processor(tokenizer, processor_config)


def _kept_processor(folder: Path, hf_config: LlavactionConfig, run: TrainingRun) -> Processor:
    """A checkpoint's processor, with the lengths of this run and the placeholders of the model that it trains."""
    processor = Processor.load(folder)
    config = replace(processor.config, num_frames=run.video.num_frames, max_length=run.train.max_length)
    return Processor(processor.tokenizer, replace(config, layout=hf_config.token_layout))


def _add_token(model: LlavactionForConditionalGeneration, run: TrainingRun) -> None:
    """A saved model without an action token gets the one that the run is to teach."""
    config, sizes = run.model, _num_classes(run)
    if run.lora.is_on:
        raise ConfigError(
            f"{config.checkpoint} has no action token, and adapters belong to a base that has all its parts; add one "
            f"first: llavaction train model.checkpoint={config.checkpoint} train.max_steps=0 output=FOLDER, or set "
            "model.supervision=none"
        )
    add_action_token(model, config.supervision, sizes, run.train.seed)
    logger.warning(
        "%s has no action token: a new one (model.supervision=%s) is added, with heads for %d verbs, %d nouns and %d "
        "actions; model.supervision=none trains without",
        *(config.checkpoint, config.supervision, *sizes),
    )


def _num_classes(run: TrainingRun) -> tuple[int, int, int]:
    classes = run.classes
    return len(classes.verbs), len(classes.nouns), len(classes.actions)
