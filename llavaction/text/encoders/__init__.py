"""Where text embeddings come from: one encoder per file, picked by name in the table below."""

from __future__ import annotations

from llavaction.text.encoders.base import EncoderConfig, EncoderName, Pooling, TextEncoder
from llavaction.text.encoders.hashing import HashingEncoder
from llavaction.text.encoders.huggingface import HuggingFaceEncoder

__all__ = ["EncoderConfig", "EncoderName", "Pooling", "TextEncoder", "make_encoder"]


def make_encoder(config: EncoderConfig) -> TextEncoder:
    """The encoder that `config` names.

    Raises:
        ConfigError: when its model is not there or is none that this package can run.
    """
    if config.encoder is EncoderName.HUGGINGFACE:
        return HuggingFaceEncoder.from_config(config)
    return HashingEncoder()
