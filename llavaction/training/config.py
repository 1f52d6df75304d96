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


class BadVideo(StrEnum):
    """What becomes of a sample whose video or picture cannot be read."""

    RAISE = "raise"
    """The run ends with an error that names it."""
    DROP = "drop"
    """The step goes without it; no other sample takes its place."""


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
class PlanConfig:
    """What a dry run reckons for, where it is not the machine that it runs on."""

    num_gpus: int | None = None
    """Processes of the planned run, one per GPU; null takes those of the dry run."""
    device: str | None = None
    """The GPU's name, e.g. H100; null takes this machine's."""
    memory_gib: float | None = None
    """Memory of each GPU in GiB; null takes this machine's."""
    utilisation: float = 0.35
    """Expected share of the GPU's peak (MFU), for the time; published video fine-tuning reaches 25 to 45 %."""

    def __post_init__(self) -> None:
        if self.num_gpus is not None and self.num_gpus < 1:
            raise ConfigError(f"train.plan.num_gpus = {self.num_gpus}: must be 1 or more, or null")
        if self.memory_gib is not None and self.memory_gib <= 0:
            raise ConfigError(f"train.plan.memory_gib = {self.memory_gib}: must be above 0, or null")
        if not 0 < self.utilisation <= 1:
            raise ConfigError(f"train.plan.utilisation = {self.utilisation}: must be above 0 and at most 1")


@dataclass
class ProfileConfig:
    """Which steps the profiler records: a trace, and a page that says where their time went, in `profile/`."""

    start_step: int = 5
    """The first of them, counted from where the run starts or resumes; the ones before are slower than the rest."""
    num_steps: int = 0
    """How many; 0 records none. Three say enough: traces are large, and recording slows a step down."""

    @property
    def last_step(self) -> int:
        """The last step that is recorded, 0 for none."""
        return self.start_step + self.num_steps - 1 if self.num_steps else 0

    def __post_init__(self) -> None:
        if self.start_step < 2:
            raise ConfigError(f"train.profile.start_step = {self.start_step}: must be 2 or more: one is to start up")
        if self.num_steps < 0:
            raise ConfigError(f"train.profile.num_steps = {self.num_steps}: must be 0 (none) or more")


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
    group_by_length: bool = False
    """Put samples of similar length into the same step, as the paper does: little is padded, and no process waits long
    for another. Off by default, as it changes what is learned: a step's loss is a mean over the tokens of its answers,
    so steps of short answers then weigh as much as steps of long ones."""
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
    bad_video: BadVideo = BadVideo.RAISE
    """What becomes of a sample whose video or picture cannot be read, or takes too long to. Dropped ones are logged and
    listed in `dropped.jsonl` of the run folder."""
    max_dropped: int = 20
    """Different samples that a run may lose with `bad_video=drop`, one more is an error; room for single broken files,
    not for a folder of videos that is gone."""
    seed: int = 0
    """Seed of weights, sample order and jitter."""
    num_workers: int = 4
    """Processes per rank that load clips; 0 loads in the training process."""
    log_every: int = 10
    """Steps between log lines."""
    save_every: int = 0
    """Steps between checkpoints from which the same command resumes; 0 saves the final model only."""
    eval_every: int = 0
    """Steps between evaluations of the tasks that `evaluation=NAME` chooses, with one more after the last step; 0
    never evaluates."""
    keep_checkpoints: int = 2
    """Older checkpoints are deleted."""
    keep_best_by: str | None = None
    """The best checkpoint by this metric of the log is kept as well, and named in `best.json`: `eval/TASK/METRIC` or
    `loss`; lower is better for names that end in `loss`. Null keeps the newest only."""
    dry_run: bool = False
    """Check everything, load a few samples, say what the run will need, and end without training."""
    plan: PlanConfig = field(default_factory=PlanConfig)
    """What the dry run reckons for."""
    wandb: WandbMode = WandbMode.DISABLED
    """Weights & Biases beside the metrics file of the run folder."""
    tensorboard: bool = False
    """TensorBoard files too, in `tensorboard/` of the run folder; needs the extra of that name."""
    peak_tflops: float | None = None
    """What each device could do, in 10^12 operations per second, for MFU; null takes the dense bf16 figure of a known
    GPU, and logs no MFU on others."""
    profile: ProfileConfig = field(default_factory=ProfileConfig)
    """The profiler, off by default."""

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
        for name in ("num_workers", "save_every", "eval_every", "weight_decay", "warmup_ratio", "max_dropped"):
            if getattr(self, name) < 0:
                raise ConfigError(f"train.{name} = {getattr(self, name)}: must be 0 or more")
        self._check_best()
        if self.peak_tflops is not None and self.peak_tflops <= 0:
            raise ConfigError(f"train.peak_tflops = {self.peak_tflops}: must be above 0, or null")
        if self.max_steps is not None and self.max_steps < 0:
            raise ConfigError(f"train.max_steps = {self.max_steps}: must be 0 or more, or null")
        if self.epochs <= 0:
            raise ConfigError(f"train.epochs = {self.epochs}: must be above 0; train.max_steps=0 trains nothing")
        if len(self.freeze) >= len(Part) - 1:
            raise ConfigError("train.freeze names every part; nothing is left to train")
        if Part.LORA in self.freeze:
            raise ConfigError("train.freeze names lora; lora=none trains without adapters")

    def _check_best(self) -> None:
        if self.keep_best_by is None:
            return
        asked = f"train.keep_best_by = {self.keep_best_by}"
        if not self.save_every:
            raise ConfigError(f"{asked} chooses among checkpoints, and none are saved; set train.save_every")
        if not self.keep_best_by.startswith("eval/"):
            return
        if not self.eval_every:
            raise ConfigError(f"{asked}, and nothing is evaluated while training; set train.eval_every")
        if self.save_every % self.eval_every and self.eval_every % self.save_every:
            raise ConfigError(
                f"{asked}: checkpoints every {self.save_every} steps and evaluations every {self.eval_every} seldom "
                "meet; make one of train.save_every and train.eval_every a multiple of the other"
            )
