"""The frames of a whole file: a video, or a picture as a video of one frame."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from llavaction.sft.samples import MediaKind, MediaRef
from llavaction.utils.paths import inside
from llavaction.video.clip import ClipLoader
from llavaction.video.pictures import read_picture


def load_media(
    medium: MediaRef, folder: Path, clips: ClipLoader, num_frames: int, rng: np.random.Generator | None
) -> np.ndarray:
    """Frames uint8 `[T, H, W, 3]` of a file below `folder`: T is `num_frames` for a video, 1 for a picture.

    Raises:
        VideoError: when the file is missing or cannot be decoded.
        DataError: when its path would leave the folder.
    """
    path = inside(folder, *medium.path.split("/"))
    if medium.kind is MediaKind.VIDEO:
        return clips.load_file(path, num_frames=num_frames, rng=rng).frames
    return read_picture(path)[None]
