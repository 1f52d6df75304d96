"""Frames of a clip as small JPEG pictures, or the reason why there are none."""

from __future__ import annotations

import base64
import io
from dataclasses import dataclass

import numpy as np

from llavaction.sft.samples import Sample
from llavaction.utils.errors import DataError, VideoError
from llavaction.video.clip import ClipLoader

JPEG_QUALITY = 72
"""Pillow's scale up to 95; at 72 a frame of 288 x 162 pixels takes about 10 KB and hands stay sharp."""


@dataclass(frozen=True)
class Frame:
    """A picture and its time in seconds from the start of the clip."""

    jpeg: bytes
    time_s: float

    @property
    def data_uri(self) -> str:
        """The picture as an address that holds it."""
        return "data:image/jpeg;base64," + base64.b64encode(self.jpeg).decode("ascii")


@dataclass(frozen=True)
class Strip:
    """Frames in order of time; without any, `note` says why."""

    frames: tuple[Frame, ...] = ()
    note: str = ""


def load_strip(sample: Sample, clips: ClipLoader | None, num_frames: int, side: int) -> Strip:
    """The frames of a sample; a clip that cannot be read gives a note, as one of a hundred must not end the page.

    Args:
        clips: None where no videos were given.
        side: longest side of a frame in pixels; smaller frames keep their size.
    """
    clip = sample.clip
    if clip is None:
        files = ", ".join(item.path for item in sample.media)
        return Strip(note=f"the question shows whole files, not a clip: {files}" if files else "nothing is shown")
    if clips is None:
        return Strip(note="no videos were given; draw again with paths.videos=FOLDER")
    try:
        loaded = clips.load(
            clip.video_id, clip.start_s, clip.stop_s, num_frames=num_frames, segment_id=sample.segment_id
        )
    except (VideoError, DataError) as error:
        return Strip(note=str(error))
    times_s = (loaded.times_s - clip.start_s).tolist()
    return Strip(
        tuple(Frame(_to_jpeg(image, side), time_s) for image, time_s in zip(loaded.frames, times_s, strict=True))
    )


def _to_jpeg(image: np.ndarray, side: int) -> bytes:
    """An RGB image `[H, W, 3]`, shrunk where it is larger than `side`."""
    from PIL import Image

    picture = Image.fromarray(image)
    picture.thumbnail((side, side), Image.Resampling.LANCZOS)
    file = io.BytesIO()
    picture.save(file, "JPEG", quality=JPEG_QUALITY, optimize=True)
    return file.getvalue()
