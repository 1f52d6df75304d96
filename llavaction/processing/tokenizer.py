"""Tokenizers: one from a folder or hub, or a small byte-level BPE trained on the texts at hand."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from transformers import AutoTokenizer, PreTrainedTokenizerBase, PreTrainedTokenizerFast

from llavaction.processing.chat import IM_END, IM_START
from llavaction.utils.errors import CheckpointError, ConfigError

PAD = "<|endoftext|>"


def load_tokenizer(name: str) -> PreTrainedTokenizerBase:
    """Load a tokenizer from a folder or hub id and make sure that it knows the ChatML tokens.

    Raises:
        CheckpointError: when there is none.
        ConfigError: when it lacks a token of the chat layout.
    """
    try:
        tokenizer: PreTrainedTokenizerBase = AutoTokenizer.from_pretrained(name)
    except (OSError, ValueError) as error:
        raise CheckpointError(f"no tokenizer at {name!r}: {error}") from None
    for token in (IM_START, IM_END):
        if tokenizer.convert_tokens_to_ids(token) in (None, tokenizer.unk_token_id):
            raise ConfigError(
                f"tokenizer {name!r} has no {token}; the chat layout needs it (Qwen's tokenizers have it)"
            )
    if tokenizer.pad_token_id is None:
        raise ConfigError(f"tokenizer {name!r} has no padding token")
    return tokenizer


def train_tokenizer(texts: Iterable[str], vocab_size: int) -> PreTrainedTokenizerBase:
    """Train a byte-level BPE with the ChatML tokens; every text can be encoded, known words cheaply."""
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers

    backend = Tokenizer(models.BPE())
    backend.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    backend.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=vocab_size,
        special_tokens=[PAD, IM_START, IM_END],
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    # Each distinct text once and in text order: the result does not depend on how often a sample is used.
    backend.train_from_iterator(sorted(set(texts)), trainer)
    arguments: dict[str, Any] = {"pad_token": PAD, "eos_token": IM_END, "additional_special_tokens": [IM_START]}
    return PreTrainedTokenizerFast(tokenizer_object=backend, **arguments)


def num_token_ids(tokenizer: PreTrainedTokenizerBase) -> int:
    """One more than the largest id the tokenizer can produce."""
    return max(tokenizer.get_vocab().values()) + 1
