"""How fast a run is, and what it waits for: the figures of a log line that come from counting and from the clock."""

from __future__ import annotations

import resource
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import torch
from torch import Tensor
from torch.utils.data import DataLoader
from transformers import TrainerCallback, TrainerControl, TrainerState, TrainingArguments

from llavaction.model.config import IGNORE
from llavaction.processing.batch import Batch
from llavaction.training.flops import ModelFlops, Workload, peak_tflops

GIB = 2**30


class Meter(TrainerCallback):
    """Counts what the model is given, and how long steps take and wait for data.

    A step lasts from asking for its first batch to the end of the optimiser's work, so evaluations, checkpoints and
    log lines between steps are not in it. What a first step does once (starting the loader's processes, compiling
    kernels) is: the first line after a start says how long that took, and the lines after it how fast the run is.

    Nothing is read from the device before `take`, and the device is waited for at the end of steps with a log line
    only: work of other steps that is still queued at their end counts for the next one.
    """

    def __init__(self, flops: ModelFlops, peak: float | None) -> None:
        """`peak`: operations per second, in 10^12, of this process's device; None where it is not known."""
        self._flops = flops
        self._peak = peak or 0.0
        self._start: float | None = None
        self._step_s = self._wait_s = 0.0
        self._num_samples = self._num_steps = 0
        self._work = _no_work()

    def watch(self, loader: Any) -> Any:
        """The same loader, whose waiting for batches is measured from now on.

        What accelerate makes of a loader also copies batches to the device, and waits there for what is queued; so it
        is the loader inside that is watched.
        """
        inner = getattr(loader, "base_dataloader", loader)
        inner.__class__ = _WatchedLoader
        inner.meter = self
        return loader

    def waited(self, time_s: float) -> None:
        """Note that a batch was waited for."""
        self._wait_s += time_s

    def start_step(self) -> None:
        """A step begins: its batches are asked for next."""
        self._start = time.perf_counter()

    def count(self, batches: Sequence[Batch]) -> None:
        """Note this process's batches of a step."""
        self._num_steps += 1
        for batch in batches:
            self._num_samples += len(batch["sample_ids"])
            lengths = batch["attention_mask"].sum(1, dtype=torch.float64)
            num_labels = (batch["labels"][:, 1:] != IGNORE).sum()
            num_frames = torch.full_like(lengths[0], len(batch["pixel_values_videos"]))
            self._work = self._work.to(lengths.device) + torch.stack(
                [num_frames, lengths.sum(), lengths.square().sum(), num_labels]
            )

    def on_step_end(self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **kwargs: Any) -> None:
        """A step ends."""
        assert self._start is not None
        if control.should_log and torch.cuda.is_available():
            torch.cuda.synchronize()
        self._step_s += time.perf_counter() - self._start

    def take(self, gather: Callable[[Tensor], Tensor]) -> dict[str, float | None]:
        """The figures of the steps since the last call, over all processes, which must all call it.

        Args:
            gather: gives the rows of all processes for this one's row.

        Returns:
            step_s: mean time of a step.
            samples_per_s, tokens_per_s: over all processes; tokens without padding.
            mfu: the model's operations (`flops.py`) over what all devices could do in that time; None where the device
                is not known, as on a CPU.
            data_wait_share: share of its steps that a process waited for its loader; of the process that waited most.
            peak_memory_gib: most memory of a process since its start: what torch had allocated on the GPU, or on a
                CPU the whole process.
        """
        work = self._work.tolist()
        flops = self._flops.step(Workload(*work))
        own = [self._step_s, self._wait_s, self._num_samples, work[1], flops, self._peak, peak_memory()]
        rows = gather(torch.tensor([own], dtype=torch.float64, device=self._work.device)).tolist()
        step_s, wait_s, num_samples, num_tokens, flops_all, peaks, memory = zip(*rows, strict=True)
        time_s, num_steps = max(step_s), self._num_steps
        self._step_s = self._wait_s = 0.0
        self._num_samples = self._num_steps = 0
        self._work = _no_work()
        return {
            "step_s": time_s / num_steps,
            "samples_per_s": sum(num_samples) / time_s,
            "tokens_per_s": sum(num_tokens) / time_s,
            "mfu": sum(flops_all) / (time_s * sum(peaks) * 1e12) if all(peaks) else None,
            "data_wait_share": max(wait / step for wait, step in zip(wait_s, step_s, strict=True)),
            "peak_memory_gib": max(memory) / GIB,
        }


def _no_work() -> Tensor:
    """The fields of a `Workload`, counted on the device."""
    return torch.zeros(4, dtype=torch.float64)


class _WatchedLoader(DataLoader):
    """A loader that tells a meter how long it kept others waiting."""

    meter: Meter

    def __iter__(self) -> Iterator[Any]:  # type: ignore[override]
        start = time.perf_counter()
        for batch in super().__iter__():
            self.meter.waited(time.perf_counter() - start)
            yield batch
            start = time.perf_counter()
        self.meter.waited(time.perf_counter() - start)


def device_peak_tflops() -> float | None:
    """What this process's GPU could do per second, in 10^12 operations; None for others, and on a CPU."""
    return peak_tflops(torch.cuda.get_device_name()) if torch.cuda.is_available() else None


def peak_memory() -> float:
    """Most bytes since the start: allocated by torch on the GPU, or resident of this process without one."""
    if torch.cuda.is_available():
        return float(torch.cuda.max_memory_allocated())
    # Kilobytes, but on macOS bytes.
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * (1.0 if sys.platform == "darwin" else 1024.0)
