"""Samples to examples, one by one, in DataLoader workers."""

from __future__ import annotations

from collections.abc import Sequence

from torch.utils.data import Dataset

from llavaction.processing.processor import Example, Processor
from llavaction.sft.samples import Sample
from llavaction.utils.errors import VideoError
from llavaction.utils.seeding import rng_for
from llavaction.video.clip import ClipLoader


class SftDataset(Dataset[Example]):
    """Training examples. Item `epoch * len(samples) + i` is sample i as epoch `epoch` sees it.

    The epoch is part of the index, so that frame jitter is a function of (seed, epoch, sample id) in whatever
    worker or process the item is made.
    """

    def __init__(self, samples: Sequence[Sample], clips: ClipLoader, processor: Processor, *, jitter: bool, seed: int):
        self._samples = samples
        self._clips = clips
        self._processor = processor
        self._jitter = jitter
        self._seed = seed

    def __len__(self) -> int:
        return len(self._samples)

    def __getitem__(self, item: int) -> Example:
        epoch, idx = divmod(item, len(self._samples))
        sample = self._samples[idx]
        rng = rng_for(self._seed, "frames", epoch, sample.sample_id) if self._jitter else None
        clip = sample.shown_clip
        num_frames = self._processor.config.num_frames
        try:
            loaded = self._clips.load(clip.video_id, clip.start_s, clip.stop_s, num_frames=num_frames, rng=rng)
        except VideoError as error:
            raise VideoError(f"sample {sample.sample_id!r}: {error}") from error
        return self._processor.example(sample, loaded.frames)
