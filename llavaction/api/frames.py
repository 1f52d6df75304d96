"""The frames of a clip as JPEG files in memory, and their hashes without decoding where they are known."""

from __future__ import annotations

import hashlib
import io
from pathlib import Path
from typing import Any, Protocol

import numpy as np

from llavaction.api.config import VisionServerConfig
from llavaction.utils.errors import DataError
from llavaction.utils.jsonl import dump_line, read_json, write_json
from llavaction.video.clip import ClipLoader
from llavaction.video.layout import VideoConfig, find_video

Jpegs = dict[str, bytes]
"""JPEG files in order of time, by their SHA-256; a frame that repeats, as in short segments, stands here once."""


class Stretch(Protocol):
    """A stretch of a video whose frames are shown, such as a segment; times in seconds from the video's start."""

    @property
    def video_id(self) -> str:
        """Such as `P01_01`."""

    @property
    def segment_id(self) -> str | None:
        """The segment that it is about; needed where each lies in a file of its own."""

    @property
    def start_s(self) -> float:
        """Where it starts."""

    @property
    def stop_s(self) -> float:
        """Where it stops."""


class FrameStore:
    """Loads the frames of stretches, and remembers their hashes in `frames/ab/abcd....json`.

    A reply is known by the hashes of the very bytes that were sent. To know these again without decoding, they are
    remembered by what they were made from: video files (path, size, time of change in nanoseconds), times, number and
    size of the frames. Whoever changes a video while keeping its size and time of change has to delete `frames/`.
    A video that is copied or touched is decoded once more; its replies are found again all the same.
    """

    def __init__(self, config: VisionServerConfig, video: VideoConfig) -> None:
        self.config = config
        self.video = video
        self.folder = Path(config.cache) / "frames"
        self.loader = ClipLoader(video)

    def known_hashes(self, stretch: Stretch) -> list[str] | None:
        """SHA-256 of each frame, in order of time, when the frames were loaded before from files that are unchanged.

        Raises:
            VideoError: when the video is missing.
            DataError: when the file of hashes was changed by somebody else.
        """
        path = self._path(self._origin(stretch))
        if not path.exists():
            return None
        row = read_json(path)
        hashes = row.get("sha256") if isinstance(row, dict) else None
        if not isinstance(hashes, list) or not all(isinstance(digest, str) for digest in hashes):
            raise DataError(f"{path}: no list of hashes in it; delete the file")
        return hashes

    def load(self, stretch: Stretch) -> tuple[list[str], Jpegs]:
        """Decode the frames, remember their hashes and return both. Not for use by two threads at once.

        Raises:
            VideoError: when the frames cannot be read.
        """
        # Before decoding: a file that changes meanwhile must not be taken for the one that was read.
        origin = self._origin(stretch)
        clip = self.loader.load(
            stretch.video_id,
            stretch.start_s,
            stretch.stop_s,
            num_frames=self.config.num_frames,
            segment_id=stretch.segment_id,
        )
        images = [encode_jpeg(frame, self.config.short_side, self.config.jpeg_quality) for frame in clip.frames]
        hashes = [hashlib.sha256(image).hexdigest() for image in images]
        write_json(self._path(origin), {**origin, "sha256": hashes})
        return hashes, dict(zip(hashes, images, strict=True))

    def _origin(self, stretch: Stretch) -> dict[str, Any]:
        """All that decides the frames."""
        files = find_video(self.video, stretch.video_id, stretch.segment_id)
        # One chunk more than the times reach: rounded to frames, a clip may end in the next.
        chunks = range(files.chunk_at(stretch.start_s), files.chunk_at(stretch.stop_s) + 2)
        return {
            "start_s": stretch.start_s,
            "stop_s": stretch.stop_s,
            "num_frames": self.config.num_frames,
            "short_side": self.config.short_side,
            "jpeg_quality": self.config.jpeg_quality,
            "backend": str(self.video.backend),
            "chunk_s": self.video.chunk_s,
            "files": [_fingerprint(path) for path in dict.fromkeys(files.path(chunk) for chunk in chunks)],
        }

    def _path(self, origin: dict[str, Any]) -> Path:
        key = hashlib.sha256(dump_line(origin).encode()).hexdigest()
        return self.folder / key[:2] / f"{key}.json"


def encode_jpeg(frame: np.ndarray, short_side: int, quality: int) -> bytes:
    """Encode one frame, reduced to `short_side` where it is larger.

    Args:
        frame: uint8 RGB `[H, W, 3]`.
        short_side: pixels.
        quality: 1 to 95.
    """
    from PIL import Image

    image = Image.fromarray(frame)
    scale = short_side / min(image.size)
    if scale < 1:
        width, height = (round(side * scale) for side in image.size)
        image = image.resize((width, height), Image.Resampling.LANCZOS)
    file = io.BytesIO()
    image.save(file, "JPEG", quality=quality)
    return file.getvalue()


def _fingerprint(path: Path) -> dict[str, Any]:
    """A file as it is now; one that is missing is told from one that is there."""
    try:
        status = path.stat()
    except FileNotFoundError:
        return {"path": str(path.resolve()), "size": None, "mtime_ns": None}
    return {"path": str(path.resolve()), "size": status.st_size, "mtime_ns": status.st_mtime_ns}
