"""What a run will need, reckoned from its configuration: memory, time, disk. No weights are loaded for it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import torch
from torch import nn

from llavaction.model.lora.config import Quantization
from llavaction.training.config import Part, Precision
from llavaction.training.flops import ModelFlops, Workload, peak_tflops
from llavaction.training.memory import Arithmetic, Split, StateMemory, activation_memory, state_memory
from llavaction.training.parts import count_parameters, part_of
from llavaction.training.sizes import ModelSizes, model_sizes
from llavaction.training.spec import TrainingRun
from llavaction.training.steps import StepPlan

SPLITS = {
    "none": Split(0),
    "zero1": Split(1),
    "zero2": Split(2),
    "zero2_offload": Split(2, offload_optimizer=True),
    "zero3": Split(3),
    "zero3_offload": Split(3, offload_optimizer=True, offload_weights=True),
}
"""Ways to split a model over processes, by the names of `configs/deepspeed`."""

_BYTES = {"float32": 4, "bfloat16": 2, "float16": 2}
_NF4_BYTES = 0.5


@dataclass(frozen=True)
class Lengths:
    """Tokens and frames of the run's samples.

    Attributes:
        mean_tokens, max_tokens: of a sample, over those of an epoch.
        mean_frames, max_frames: the same for frames.
        mean_labels: labelled positions of a sample.
        mean_squares: mean of the squared number of tokens.
    """

    mean_tokens: float
    max_tokens: int
    mean_frames: float
    max_frames: int
    mean_labels: float
    mean_squares: float


@dataclass(frozen=True)
class Needs:
    """Memory in bytes, disk in bytes, time in hours.

    Attributes:
        states: by name of the split: what the model's state takes on each process.
        activations: of one batch of the longest samples.
        split: name of the split that the run is configured with; None where it is none of those.
        final_checkpoint, resume_checkpoint: on disk, each.
        disk: all that the run leaves there at once.
        flops: operations of the whole run.
        hours: None where the device's speed is not known.
    """

    states: Mapping[str, StateMemory]
    activations: float
    split: str | None
    final_checkpoint: float
    resume_checkpoint: float
    disk: float
    flops: float
    hours: float | None


def reckon(run: TrainingRun, outline: nn.Module, lengths: Lengths, steps: StepPlan) -> Needs:
    """Memory, disk and time of a run.

    Args:
        outline: the model on the device `meta`, from `setup.model_outline`.
    """
    train = run.train
    sizes = outline_sizes(run, outline)
    states = {
        name: state_memory(sizes, split, _arithmetic(run, in_half=split.stage > 0), steps.num_processes)
        for name, split in SPLITS.items()
    }
    batch_tokens, batch_frames = train.batch_size * lengths.max_tokens, train.batch_size * lengths.max_frames
    arithmetic = _arithmetic(run, in_half=bool(run.deepspeed))
    activations = activation_memory(sizes, batch_tokens, batch_frames, arithmetic, train.gradient_checkpointing)
    final = _final_bytes(sizes, run)
    resume = final + sizes.num_trained * (12 if arithmetic is Arithmetic.HALF else 8)
    # While one is written the oldest is still there, and the best may be none of them.
    num_kept = train.keep_checkpoints + 1 + (train.keep_best_by is not None)
    kept = num_kept * resume if train.save_every else 0.0
    work = Workload(lengths.mean_frames, lengths.mean_tokens, lengths.mean_squares, lengths.mean_labels)
    flops = ModelFlops.of(_whole(outline)).step(work) * steps.num_samples
    return Needs(
        states, activations, split_name(run.deepspeed), final, resume, final + kept, flops, hours(run, flops, steps)
    )


def hours(run: TrainingRun, flops: float, steps: StepPlan) -> float | None:
    """Time of `flops` on the planned GPUs, at the share of their peak that `train.plan` expects."""
    plan = run.train.plan
    name = plan.device or (torch.cuda.get_device_name() if torch.cuda.is_available() else "")
    peak = peak_tflops(name)
    if peak is None:
        return None
    return flops / (peak * 1e12 * plan.utilisation * steps.num_processes) / 3600


def split_name(deepspeed: Mapping[str, Any]) -> str | None:
    """Which of `SPLITS` a DeepSpeed configuration asks for."""
    if not deepspeed:
        return "none"
    zero = deepspeed.get("zero_optimization", {})
    asked = Split(zero.get("stage", 0), _is_offloaded(zero, "offload_optimizer"), _is_offloaded(zero, "offload_param"))
    return next((name for name, split in SPLITS.items() if split == asked and split.stage), None)


def outline_sizes(run: TrainingRun, outline: nn.Module) -> ModelSizes:
    """What memory depends on, of a model on the device `meta`."""
    model = _whole(outline)
    trained = {part_of(name) for name, weight in outline.named_parameters() if weight.requires_grad}
    adapted = any(".lora_" in name for name, _ in model.vision.named_parameters())
    quantized = run.lora.quantize is not Quantization.NONE
    return model_sizes(
        model.config,
        count_parameters(outline),
        frozen_bytes=_NF4_BYTES if quantized else _BYTES[run.model.dtype],
        vision_trains=Part.VISION in trained or adapted,
        vision_chunk=run.model.vision_chunk,
        loss_chunk=run.model.loss_chunk,
    )


def _arithmetic(run: TrainingRun, in_half: bool) -> Arithmetic:
    if run.train.precision is Precision.FP32:
        return Arithmetic.FLOAT32
    # Adapters stay float32 on a base in its own type; autocast casts, or need not.
    return Arithmetic.HALF if in_half else Arithmetic.AUTOCAST


def _final_bytes(sizes: ModelSizes, run: TrainingRun) -> float:
    """Of the weights that a run saves: all, or what trained beside adapters."""
    half = bool(run.deepspeed) and run.train.precision is not Precision.FP32
    per_weight = 2 if half else 4
    return float((sizes.num_trained if run.lora.is_on else sizes.num_weights) * per_weight)


def _is_offloaded(zero: Mapping[str, Any], key: str) -> bool:
    return dict(zero.get(key) or {}).get("device", "none") != "none"


def _whole(outline: Any) -> Any:
    """The model without peft's wrapper."""
    return outline.get_base_model() if hasattr(outline, "get_base_model") else outline
