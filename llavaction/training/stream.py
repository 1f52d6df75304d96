"""The order in which a run sees its samples: all epochs as one stream."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from torch.utils.data import Sampler

from llavaction.utils.seeding import rng_for

GROUPED_STEPS = 16
"""Steps that share out their samples by length: fewer leave more padding, more make the samples of a step more alike
without saving much."""


class EpochStream(Sampler[int]):
    """Yields `epoch * num_samples + i`: each epoch is a permutation from (seed, epoch), epochs follow without a gap.

    One stream over all epochs has no ragged batch at the end of each, so nothing is dropped or repeated there.
    """

    def __init__(self, num_samples: int, length: int, seed: int, *, start: int = 0) -> None:
        """`length`: items of the whole run; the first `start` of them are used already and not given again."""
        self._num_samples = num_samples
        self._length = length
        self._seed = seed
        self._start = start

    def __len__(self) -> int:
        return max(self._length - self._start, 0)

    def __iter__(self) -> Iterator[int]:
        for epoch in range(self._start // self._num_samples, -(-self._length // self._num_samples)):
            first = epoch * self._num_samples
            for idx in self._order(epoch)[max(self._start - first, 0) : self._length - first]:
                yield first + int(idx)

    def _order(self, epoch: int) -> np.ndarray:
        """The samples of one epoch, `[num_samples]`."""
        return rng_for(self._seed, "order", epoch).permutation(self._num_samples)


class GroupedStream(EpochStream):
    """The same, but the samples of one optimiser step have similar lengths.

    Each epoch is shuffled; every 16 steps of it share out their samples by length; then the steps are shuffled. Within
    a step the longest samples come first, so batches that run at the same time in different processes are alike. Which
    samples a step holds depends on the seed, the epoch, the lengths and the size of a step, not on the number of
    processes or on accumulation. The step in which one epoch ends and the next begins is left as it comes.

    The first step of a run holds the longest sample of all, so that too little memory shows at once.
    """

    def __init__(self, lengths: np.ndarray, samples_per_step: int, length: int, seed: int, *, start: int = 0) -> None:
        """`lengths`: tokens of each sample, `[num_samples]`; a step takes `samples_per_step` items of the stream."""
        super().__init__(len(lengths), length, seed, start=start)
        self._lengths = lengths
        self._samples_per_step = samples_per_step

    def _order(self, epoch: int) -> np.ndarray:
        order = super()._order(epoch)
        if epoch == 0:
            longest = int(self._lengths[order].argmax())
            order[[0, longest]] = order[[longest, 0]]
        # What comes before the first border between two steps belongs to a step of the epoch before.
        begin = min(-epoch * self._num_samples % self._samples_per_step, self._num_samples)
        num_steps = (self._num_samples - begin) // self._samples_per_step
        if num_steps:
            inner = slice(begin, begin + num_steps * self._samples_per_step)
            order[inner] = self._grouped(order[inner].reshape(num_steps, -1), epoch).ravel()
        return order

    def _grouped(self, steps: np.ndarray, epoch: int) -> np.ndarray:
        """Whole steps `[num_steps, samples_per_step]` with their samples shared out by length, and shuffled."""
        parts = np.array_split(steps, -(-len(steps) // GROUPED_STEPS))
        grouped = np.concatenate([self._longest_first(part.ravel()).reshape(part.shape) for part in parts])
        # The longest sample of a run lies in the first step of its first part; that one stays in front.
        num_fixed = int(epoch == 0)
        shuffled = rng_for(self._seed, "steps", epoch).permutation(len(steps) - num_fixed) + num_fixed
        return grouped[[*range(num_fixed), *shuffled]]

    def _longest_first(self, samples: np.ndarray) -> np.ndarray:
        return samples[np.argsort(-self._lengths[samples], kind="stable")]
