"""Samples to examples, one by one, in DataLoader workers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
from torch.utils.data import Dataset

from llavaction.processing.batch import Skipped
from llavaction.processing.media import load_media
from llavaction.processing.processor import Example, Processor
from llavaction.sft.samples import Sample
from llavaction.utils.errors import VideoError
from llavaction.utils.seeding import rng_for
from llavaction.video.clip import ClipLoader


class SftDataset(Dataset[Example | Skipped]):
    """Training examples. Item `epoch * len(samples) + i` is sample i as epoch `epoch` sees it.

    The epoch is part of the index, so that frame jitter is a function of (seed, epoch, sample id) in whatever
    worker or process the item is made.
    """

    def __init__(
        self,
        samples: Sequence[Sample],
        clips: ClipLoader,
        processor: Processor,
        *,
        jitter: bool,
        seed: int,
        media_folders: Mapping[str, Path] | None = None,
        drop_bad_videos: bool = False,
    ) -> None:
        """Load nothing yet.

        Args:
            media_folders: by sample id, where the files of each sample with `media` lie.
            drop_bad_videos: give a `Skipped` for a sample whose video or picture cannot be read, instead of raising.
        """
        self._samples = samples
        self._clips = clips
        self._processor = processor
        self._jitter = jitter
        self._seed = seed
        self._media_folders = media_folders or {}
        self._drop_bad_videos = drop_bad_videos

    def __len__(self) -> int:
        return len(self._samples)

    def __getitem__(self, item: int) -> Example | Skipped:
        epoch, idx = divmod(item, len(self._samples))
        sample = self._samples[idx]
        rng = rng_for(self._seed, "frames", epoch, sample.sample_id) if self._jitter else None
        try:
            shown = self._load(sample, rng)
        except VideoError as error:
            if self._drop_bad_videos:
                return Skipped(sample.sample_id, epoch, str(error))
            raise VideoError(f"sample {sample.sample_id!r}: {error}") from error
        return self._processor.example(sample, shown)

    def _load(self, sample: Sample, rng: np.random.Generator | None) -> list[np.ndarray]:
        """What the sample shows: frames of each medium in order, nothing for text alone."""
        num_frames = self._processor.config.num_frames
        if sample.clip is not None:
            clip = sample.clip
            loaded = self._clips.load(
                clip.video_id, clip.start_s, clip.stop_s, segment_id=sample.segment_id, num_frames=num_frames, rng=rng
            )
            return [loaded.frames]
        if not sample.media:
            return []
        folder = self._media_folders[sample.sample_id]
        return [load_media(medium, folder, self._clips, num_frames, rng) for medium in sample.media]
