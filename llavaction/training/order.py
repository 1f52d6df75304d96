"""The stream of samples that a run asks for, with the lengths by which it groups them."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from itertools import islice

import numpy as np
import torch

from llavaction.processing.lengths import check_longest, count_tokens
from llavaction.processing.processor import Processor
from llavaction.sft.samples import Sample
from llavaction.training.spec import TrainingRun
from llavaction.training.steps import StepPlan
from llavaction.training.stream import EpochStream, GroupedStream
from llavaction.utils.processes import num_processes, process_rank

logger = logging.getLogger(__name__)


def sample_stream(
    run: TrainingRun, processor: Processor, plan: StepPlan, device: torch.device, *, start: int = 0
) -> EpochStream:
    """All items of a run in their order, without the first `start`.

    Args:
        device: where processes exchange tensors.

    Raises:
        DataError: where lengths are counted: for a sample that is longer than `train.max_length`, or has other marks
            than media.
    """
    seed = run.train.seed
    plain = EpochStream(len(run.samples), plan.num_samples, seed, start=start)
    if not run.train.group_by_length:
        return plain
    counts = _count_together(run.samples, processor, device)
    check_longest(run.samples, counts, processor)
    grouped = GroupedStream(counts, plan.samples_per_step, plan.num_samples, seed, start=start)
    at_a_time = plan.batch_size * plan.num_processes
    before, after = (100 * padding_share(_lengths_of(stream, counts), at_a_time) for stream in (plain, grouped))
    logger.info(
        "samples have %.0f tokens on average, %d at most; grouped by length, %.1f %% of what is computed at a time is "
        "padding or waiting, instead of %.1f %%",
        *(counts.mean(), counts.max(), after, before),
    )
    return grouped


def padding_share(lengths: np.ndarray, at_a_time: int) -> float:
    """The part that padding and waiting have, when `at_a_time` rows take as long as the longest of them.

    Args:
        lengths: tokens of each row in the order in which they come, `[rows]`.
        at_a_time: rows that all processes together compute at a time.
    """
    groups = lengths[: len(lengths) // at_a_time * at_a_time].reshape(-1, at_a_time)
    if not groups.size:
        return 0.0
    return 1 - float(groups.sum()) / (float(groups.max(axis=1).sum()) * at_a_time)


def _lengths_of(stream: EpochStream, counts: np.ndarray) -> np.ndarray:
    """Lengths of the first items of a stream, as many as an epoch has."""
    items = np.fromiter(islice(stream, len(counts)), dtype=np.int64)
    return counts[items % len(counts)]


def _count_together(samples: Sequence[Sample], processor: Processor, device: torch.device) -> np.ndarray:
    """Tokens of each sample; every process counts its part of them."""
    begin, end = (len(samples) * rank // num_processes() for rank in (process_rank(), process_rank() + 1))
    counts = torch.zeros(len(samples), dtype=torch.long)
    counts[begin:end] = torch.from_numpy(count_tokens(samples[begin:end], processor))
    if num_processes() > 1:
        counts = counts.to(device)
        torch.distributed.all_reduce(counts)
    return counts.cpu().numpy()
