"""How a model is trained. No torch."""

from __future__ import annotations

from dataclasses import dataclass, field

from llavaction.utils.enums import StrEnum
from llavaction.utils.errors import ConfigError

CHECKPOINT = "checkpoint"
"""Folder of the final model inside a run folder."""


class Part(StrEnum):
    """A part with a learning rate of its own."""

    VISION = "vision"
    PROJECTOR = "projector"
    DECODER = "decoder"
    ACTION = "action"
    LORA = "lora"
    """The adapters, wherever they are; the layers that they are on belong to the parts above."""


class Precision(StrEnum):
    """Arithmetic of the forward and backward pass."""

    FP32 = "fp32"
    BF16 = "bf16"
    FP16 = "fp16"


class WandbMode(StrEnum):
    """Whether metrics also go to Weights & Biases; the key comes from its own environment variable."""

    DISABLED = "disabled"
    OFFLINE = "offline"
    ONLINE = "online"


class Schedule(StrEnum):
    """Course of the learning rates after warm-up."""

    COSINE = "cosine"
    LINEAR = "linear"
    CONSTANT_WITH_WARMUP = "constant_with_warmup"


@dataclass
class LearningRates:
    """Peak learning rate of each part (paper: vision tower 2e-6, the rest 1e-5)."""

    vision: float = 2e-6
    """Vision tower."""
    projector: float = 1e-5
    """Projector and newline vector."""
    decoder: float = 1e-5
    """Decoder and LM head."""
    action: float = 1e-5
    """Action token and its heads."""
    lora: float = 1e-4
    """Adapters, which start from nothing (paper: 1e-4); without effect unless `lora.targets` asks for some."""

    def of(self, part: Part) -> float:
        """The rate of one part."""
        rate: float = getattr(self, part.value)
        return rate

    def __post_init__(self) -> None:
        for name, value in vars(self).items():
            if not 0 < value < 10:
                raise ConfigError(f"train.lr.{name} = {value}: must be above 0; freeze a part with train.freeze")


@dataclass
class TrainConfig:
    """Optimisation, saving and logging; defaults are the paper's recipe."""

    epochs: float = 1.0
    """Passes over the mixture; the last incomplete batch is left out and counted in the log."""
    max_steps: int | None = None
    """Optimiser steps instead of epochs; 0 saves the untrained model."""
    batch_size: int = 1
    """Samples per process and step."""
    gradient_accumulation: int | None = None
    """Batches per process and optimiser step; null takes what `global_batch_size` asks for, else 1."""
    global_batch_size: int | None = None
    """Samples per optimiser step over all processes, so that a run is the same on any number of GPUs; null lets it
    grow with them."""
    lr: LearningRates = field(default_factory=LearningRates)
    """Learning rate per part."""
    freeze: list[Part] = field(default_factory=list)
    """Parts that keep their weights."""
    weight_decay: float = 0.0
    """AdamW's decay of weight matrices; biases and norms never decay."""
    warmup_ratio: float = 0.03
    """Share of the steps over which rates rise from 0."""
    schedule: Schedule = Schedule.COSINE
    """Course after warm-up."""
    max_grad_norm: float = 1.0
    """Gradients are scaled down to this norm."""
    precision: Precision = Precision.BF16
    """bf16 on GPUs; a CPU wants fp32."""
    gradient_checkpointing: bool = True
    """Recompute activations in the backward pass: less memory, a third more time."""
    jitter: bool = True
    """Draw each frame at random within its part of the segment instead of its middle."""
    max_length: int = 32768
    """Longest sample in tokens; a longer one is an error, never cut."""
    seed: int = 0
    """Seed of weights, sample order and jitter."""
    num_workers: int = 4
    """Processes per rank that load clips; 0 loads in the training process."""
    log_every: int = 10
    """Steps between log lines."""
    save_every: int = 0
    """Steps between checkpoints from which the same command resumes; 0 saves the final model only."""
    keep_checkpoints: int = 2
    """Older checkpoints are deleted."""
    wandb: WandbMode = WandbMode.DISABLED
    """Weights & Biases beside the metrics file of the run folder."""

    def __post_init__(self) -> None:
        for name in ("batch_size", "log_every", "keep_checkpoints", "max_length"):
            if getattr(self, name) < 1:
                raise ConfigError(f"train.{name} = {getattr(self, name)}: must be 1 or more")
        for name in ("gradient_accumulation", "global_batch_size"):
            value = getattr(self, name)
            if value is not None and value < 1:
                raise ConfigError(f"train.{name} = {value}: must be 1 or more, or null")
        if self.gradient_accumulation is not None and self.global_batch_size is not None:
            raise ConfigError(
                f"train.gradient_accumulation = {self.gradient_accumulation} and train.global_batch_size = "
                f"{self.global_batch_size} both say how large a step is; set one of them to null"
            )
        for name in ("num_workers", "save_every", "weight_decay", "warmup_ratio"):
            if getattr(self, name) < 0:
                raise ConfigError(f"train.{name} = {getattr(self, name)}: must be 0 or more")
        if self.max_steps is not None and self.max_steps < 0:
            raise ConfigError(f"train.max_steps = {self.max_steps}: must be 0 or more, or null")
        if self.epochs <= 0:
            raise ConfigError(f"train.epochs = {self.epochs}: must be above 0; train.max_steps=0 trains nothing")
        if len(self.freeze) >= len(Part) - 1:
            raise ConfigError("train.freeze names every part; nothing is left to train")
        if Part.LORA in self.freeze:
            raise ConfigError("train.freeze names lora; lora=none trains without adapters")
