"""The model that a run trains, and the processor that goes with it."""

from __future__ import annotations

import logging
from dataclasses import replace
from pathlib import Path
from typing import Any

from transformers import PreTrainedModel

from llavaction.model.build import ClassCounts, load_model, new_model, train_on
from llavaction.model.config import ActionSupervision
from llavaction.model.lora.adapted import AdaptedModel
from llavaction.model.modeling import LlavactionForConditionalGeneration
from llavaction.model.new_token import add_action_token
from llavaction.processing.processor import Processor, ProcessorConfig
from llavaction.processing.tokenizer import load_tokenizer, num_token_ids, train_tokenizer
from llavaction.sft.classes import ClassTable
from llavaction.training.lora import with_lora
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
        processor = Processor.load(folder)
        layout = model.config.token_layout
        changed = replace(
            processor.config, layout=layout, num_frames=run.video.num_frames, max_length=run.train.max_length
        )
        return model, Processor(processor.tokenizer, changed)
    if config.tokenizer is None:
        texts = (turn.text for sample in run.samples for turn in sample.turns)
        tokenizer = train_tokenizer(texts, config.tokenizer_vocab_size)
    else:
        tokenizer = load_tokenizer(config.tokenizer)
    model = new_model(
        config,
        ClassCounts(*_num_classes(run)),
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
