"""A model of a few thousand parameters and everything around it, made on the spot."""

from __future__ import annotations

from typing import Any

from transformers import PreTrainedTokenizerBase

from llavaction.model.build import ClassCounts, new_model
from llavaction.model.config import ActionSupervision, ModelConfig, NewlinePosition
from llavaction.model.modeling import LlavactionForConditionalGeneration
from llavaction.processing.processor import Processor, ProcessorConfig
from llavaction.processing.tokenizer import num_token_ids, train_tokenizer

TEXTS = ("What am I doing?", "A. take cup\nB. put down plate", "You are a helpful assistant.", "open small bottle")
COUNTS = ClassCounts(num_verbs=4, num_nouns=5, num_actions=6)


def tiny_model_config(**changes: Any) -> ModelConfig:
    """Three blocks of 16-wide SigLIP at 12 px (3x3 patches) and two blocks of 32-wide Qwen2."""
    vision = {
        "model_type": "siglip_vision_model",
        "hidden_size": 16,
        "intermediate_size": 32,
        "num_hidden_layers": 3,
        "num_attention_heads": 2,
        "image_size": 12,
        "patch_size": 4,
    }
    decoder = {
        "model_type": "qwen2",
        "hidden_size": 32,
        "intermediate_size": 64,
        "num_hidden_layers": 2,
        "num_attention_heads": 2,
        "num_key_value_heads": 1,
        "max_position_embeddings": 512,
    }
    arguments: dict[str, Any] = {
        "vision": vision,
        "decoder": decoder,
        "newline": NewlinePosition.GRID,
        "supervision": ActionSupervision.ONE_TOKEN,
    }
    return ModelConfig(**{**arguments, **changes})


def tiny_tokenizer() -> PreTrainedTokenizerBase:
    """A byte-level tokenizer that knows a handful of words."""
    return train_tokenizer(TEXTS, 300)


def tiny_model(seed: int = 0, **changes: Any) -> LlavactionForConditionalGeneration:
    """The model of `tiny_model_config`, random weights from `seed`, in evaluation mode."""
    tokenizer = tiny_tokenizer()
    model = new_model(
        tiny_model_config(**changes),
        COUNTS,
        num_token_ids=num_token_ids(tokenizer),
        eos_token_id=tokenizer.eos_token_id,
        pad_token_id=tokenizer.pad_token_id,
        seed=seed,
    )
    return model.eval()


def tiny_processor(model: LlavactionForConditionalGeneration, num_frames: int = 2) -> Processor:
    """The processor that fits `tiny_model`."""
    config = ProcessorConfig(layout=model.config.token_layout, resolution=12, num_frames=num_frames)
    return Processor(tiny_tokenizer(), config)
