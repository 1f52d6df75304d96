"""The order in which a run sees its samples: all epochs as one stream."""

from __future__ import annotations

from collections.abc import Iterator

from torch.utils.data import Sampler

from llavaction.utils.seeding import rng_for


class EpochStream(Sampler[int]):
    """Yields `epoch * num_samples + i`: each epoch is a permutation from (seed, epoch), epochs follow without a gap.

    One stream over all epochs has no ragged batch at the end of each, so nothing is dropped or repeated there.
    """

    def __init__(self, num_samples: int, length: int, seed: int) -> None:
        self._num_samples = num_samples
        self._length = length
        self._seed = seed

    def __len__(self) -> int:
        return self._length

    def __iter__(self) -> Iterator[int]:
        for start in range(0, self._length, self._num_samples):
            epoch = start // self._num_samples
            order = rng_for(self._seed, "order", epoch).permutation(self._num_samples)
            for idx in order[: self._length - start]:
                yield start + int(idx)
