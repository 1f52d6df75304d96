"""The model that a run trains, and the processor that goes with it."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

from transformers import PreTrainedModel

from llavaction.model.build import ClassCounts, load_model, new_model, train_on
from llavaction.model.lora.adapted import AdaptedModel
from llavaction.model.modeling import LlavactionForConditionalGeneration
from llavaction.processing.processor import Processor, ProcessorConfig
from llavaction.processing.tokenizer import load_tokenizer, num_token_ids, train_tokenizer
from llavaction.sft.classes import ClassTable
from llavaction.training.lora import with_lora
from llavaction.training.parts import freeze_parts
from llavaction.training.spec import TrainingRun


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
