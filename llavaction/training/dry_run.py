"""A run rehearsed: everything is checked and reckoned, a few samples are loaded, nothing is trained."""

from __future__ import annotations

import shutil
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import cast

import numpy as np
import torch

from llavaction.model.config import IGNORE
from llavaction.processing.dataset import SftDataset
from llavaction.processing.lengths import check_longest, count_tokens
from llavaction.processing.processor import Example, Processor, media_kinds
from llavaction.sft.samples import MediaKind
from llavaction.training.combinations import check_combinations, warnings
from llavaction.training.config import Precision
from llavaction.training.parts import count_parameters, parameter_table
from llavaction.training.plan import SPLITS, Lengths, Needs, reckon
from llavaction.training.setup import model_outline
from llavaction.training.spec import TrainingRun
from llavaction.training.steps import StepPlan, plan_steps
from llavaction.utils.processes import num_processes
from llavaction.video.clip import ClipLoader

NUM_LOADED = 4
"""Samples that are loaded: enough to see that videos are where they should be, and that answers are supervised."""
GIB = 2**30


@dataclass(frozen=True)
class Loaded:
    """A sample as a step would see it."""

    sample_id: str
    num_tokens: int
    num_labels: int
    num_frames: int
    seconds: float


def dry_run(run: TrainingRun) -> str:
    """What the run is, what it needs, and what is odd about it, as text.

    Raises:
        ConfigError: when the run would be refused.
        VideoError, DataError: when one of the loaded samples would stop it.
    """
    check_combinations(run)
    outline, processor = model_outline(run)
    steps = plan_steps(run.train, len(run.samples), run.train.plan.num_gpus or num_processes())
    tokens = count_tokens(run.samples, processor)
    check_longest(run.samples, tokens, processor)
    loaded = list(load_some(run, processor))
    lengths = sample_lengths(run, tokens, loaded)
    needs = reckon(run, outline, lengths, steps)
    problems = [*warnings(run), *planned_problems(run, needs)]
    sections = [
        ("what trains", parameter_table(count_parameters(outline))),
        ("samples", "\n".join(_sample_lines(run, lengths, loaded))),
        ("steps", "\n".join(_step_lines(run, steps))),
        (f"memory per GPU with {steps.num_processes} of them, in GiB", "\n".join(_memory_lines(needs))),
        ("disk and time", "\n".join(_cost_lines(run, needs, steps))),
        ("warnings", "\n".join(f"- {problem}" for problem in problems) or "none"),
    ]
    return "\n\n".join(f"{title}\n{text}" for title, text in sections)


def sample_lengths(run: TrainingRun, tokens: np.ndarray, loaded: Sequence[Loaded]) -> Lengths:
    """Lengths of all samples, by `tokens` of each; labelled ones as in those that were loaded."""
    num_frames = run.video.num_frames
    frames = [
        sum(num_frames if kind is MediaKind.VIDEO else 1 for kind in media_kinds(sample)) for sample in run.samples
    ]
    return Lengths(
        mean_tokens=float(tokens.mean()),
        max_tokens=int(tokens.max()),
        mean_frames=sum(frames) / len(frames),
        max_frames=max(frames),
        mean_labels=sum(sample.num_labels for sample in loaded) / len(loaded),
        mean_squares=float((tokens.astype(float) ** 2).mean()),
    )


def load_some(run: TrainingRun, processor: Processor) -> Iterator[Loaded]:
    """Load samples evenly spread over the mixture, as training would."""
    step = max(1, len(run.samples) // NUM_LOADED)
    dataset = SftDataset(
        run.samples,
        ClipLoader(run.video),
        processor,
        jitter=run.train.jitter,
        seed=run.train.seed,
        media_folders=run.media_folders,
    )
    for idx in islice(range(0, len(run.samples), step), NUM_LOADED):
        start = time.perf_counter()
        example = cast("Example", dataset[idx])  # a bad video raises here, whatever the run would do about it
        seconds = time.perf_counter() - start
        num_labels = int((example.labels != IGNORE).sum())
        yield Loaded(example.sample_id, len(example.input_ids), num_labels, sum(example.num_frames), seconds)


def planned_problems(run: TrainingRun, needs: Needs) -> Iterator[str]:
    """What would stop the run or make it painful, by the reckoning."""
    gpu = gpu_bytes(run)
    if gpu is not None and needs.split is not None:
        total = needs.states[needs.split].gpu + needs.activations
        fitting = [name for name, state in needs.states.items() if state.gpu + needs.activations < gpu]
        if total > gpu:
            remedy = " or ".join(f"deepspeed={name}" for name in fitting) or "fewer frames, or lora=lora"
            yield f"{total / GIB:.3g} GiB per GPU are more than its {gpu / GIB:.3g}: take {remedy}"
    free = shutil.disk_usage(_existing(run.folder)).free
    if needs.disk > free:
        yield f"the checkpoints need {needs.disk / GIB:.3g} GiB, and {_existing(run.folder)} has {free / GIB:.3g} left"
    if not run.train.save_every and (needs.hours or 0) > 1:
        yield f"train.save_every=0: after a crash, {needs.hours:.0f} hours are lost; save every few hundred steps"


def gpu_bytes(run: TrainingRun) -> float | None:
    """Memory of a planned GPU; None where it is not known."""
    if run.train.plan.memory_gib is not None:
        return run.train.plan.memory_gib * GIB
    if torch.cuda.is_available():
        return float(torch.cuda.get_device_properties(0).total_memory)
    return None


def _sample_lines(run: TrainingRun, lengths: Lengths, loaded: Sequence[Loaded]) -> Iterator[str]:
    yield f"{len(run.samples):,} per epoch"
    yield f"tokens each: mean {lengths.mean_tokens:,.0f}, at most {lengths.max_tokens:,}"
    yield f"frames each: mean {lengths.mean_frames:.1f}, at most {lengths.max_frames}"
    yield "loaded:"
    for sample in loaded:
        yield (
            f"  {sample.sample_id}: {sample.num_tokens:,} tokens, {sample.num_labels} of them supervised, "
            f"{sample.num_frames} frames, {sample.seconds:.2f} s"
        )


def _step_lines(run: TrainingRun, steps: StepPlan) -> Iterator[str]:
    yield (
        f"{steps.num_steps:,} of {steps.samples_per_step} samples each: {steps.batch_size} per GPU x "
        f"{steps.accumulation} accumulated x {steps.num_processes} GPUs"
    )
    yield f"{steps.num_samples:,} samples, {steps.num_samples / len(run.samples):.2f} epochs"


def _memory_lines(needs: Needs) -> Iterator[str]:
    yield f"{'deepspeed':<16}{'weights':>9}{'gradients':>11}{'optimiser':>11}{'buffers':>9}{'total':>8}{'host':>8}"
    for name in SPLITS:
        state = needs.states[name]
        cells = (state.weights, state.gradients, state.optimizer, state.buffers, state.gpu + needs.activations)
        widths = (9, 11, 11, 9, 8)
        row = "".join(f"{cell / GIB:>{width}.3g}" for cell, width in zip(cells, widths, strict=True))
        chosen = "  <- this run" if name == needs.split else ""
        yield f"{name:<16}{row}{state.host / GIB:>8.3g}{chosen}"
    yield f"total: with {needs.activations / GIB:.3g} of activations, for a batch of the longest samples"
    yield "host: in the machine's own memory, for each of its GPUs"


def _cost_lines(run: TrainingRun, needs: Needs, steps: StepPlan) -> Iterator[str]:
    yield f"final checkpoint {needs.final_checkpoint / GIB:.3g} GiB"
    if run.train.save_every:
        yield f"checkpoints to resume from {needs.resume_checkpoint / GIB:.3g} GiB each"
        yield f"on disk at once {needs.disk / GIB:.3g} GiB"
    flops = needs.flops
    if needs.hours is None:
        yield f"{flops:.2e} operations; no time, as this device's speed is not known (train.plan.device)"
        return
    yield (
        f"{flops:.2e} operations: roughly {needs.hours:.3g} hours on {steps.num_processes} GPUs at "
        f"{run.train.plan.utilisation:.0%} of their peak"
    )
    if run.train.precision is Precision.FP32:
        yield "(of their 16-bit peak; fp32 is several times slower)"


def _existing(folder: Path) -> Path:
    """The nearest folder above that is there."""
    return next(parent for parent in [folder, *folder.resolve().parents] if parent.is_dir())
