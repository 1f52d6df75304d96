"""Which layers get adapters, and of what form. No torch."""

from __future__ import annotations

from dataclasses import dataclass

from llavaction.utils.enums import StrEnum
from llavaction.utils.errors import ConfigError


class LoraTargets(StrEnum):
    """Where adapters go."""

    NONE = "none"
    """Nowhere: the weights themselves train."""
    DECODER = "decoder"
    """Every linear layer of the decoder; its embeddings and the LM head stay as they are."""
    DECODER_AND_VISION = "decoder_and_vision"
    """Those of the vision tower too."""


class Quantization(StrEnum):
    """How the frozen weights of the decoder are kept while adapters train."""

    NONE = "none"
    """As they are."""
    NF4 = "nf4"
    """In 4 bits (QLoRA's normal float, quantised twice); needs bitsandbytes."""


@dataclass
class LoraConfig:
    """Low-rank adaptation: weights W of the base are frozen, W + alpha / rank * B A is what the model computes with.

    Projector, newline vector, action token and heads are small: they train in full, unless `train.freeze` names them.
    """

    targets: LoraTargets = LoraTargets.NONE
    """Layers that get adapters; none trains the weights themselves."""
    rank: int = 128
    """Width of the adapters (paper, 0.5B: 128)."""
    alpha: int = 256
    """Adapters are scaled by alpha / rank (paper, 0.5B: 256)."""
    dropout: float = 0.05
    """Share of an adapter's inputs that are zeroed while it trains; small, as the data are many."""
    use_dora: bool = False
    """Learn the length of each weight row beside its direction (DoRA); slower, often better at a low rank."""
    quantize: Quantization = Quantization.NONE
    """Form of the decoder's frozen weights; nf4 takes a quarter of bfloat16's memory."""

    def __post_init__(self) -> None:
        self.targets, self.quantize = LoraTargets(self.targets), Quantization(self.quantize)
        for name in ("rank", "alpha"):
            if getattr(self, name) < 1:
                raise ConfigError(f"lora.{name} = {getattr(self, name)}: must be 1 or more")
        if not 0 <= self.dropout < 1:
            raise ConfigError(f"lora.dropout = {self.dropout}: must be 0 or more and below 1")
        if not self.is_on and (self.use_dora or self.quantize is not Quantization.NONE):
            raise ConfigError("lora.use_dora and lora.quantize need adapters; set lora.targets=decoder")

    @property
    def is_on(self) -> bool:
        """Whether there are adapters."""
        return self.targets is not LoraTargets.NONE
