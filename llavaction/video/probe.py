"""What a video file says of itself, and whether its end decodes, without reading what lies between."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from llavaction.video.backends.base import check_fps, decoding_error
from llavaction.video.backends.pyav_reader import open_stream
from llavaction.video.decoding import check_duration, stated_duration

if TYPE_CHECKING:
    from av import VideoFrame
    from av.container import InputContainer
    from av.video.stream import VideoStream


@dataclass(frozen=True)
class Probe:
    """One file: its rate, its picture size in pixels (as stored, before any rotation), and how long it lasts."""

    path: Path
    fps: float
    width: int
    height: int
    duration_s: float

    @property
    def num_frames(self) -> int:
        return round(self.duration_s * self.fps)


def probe_file(path: Path, *, every_frame: bool = False) -> Probe:
    """Read the header, then decode from the last keyframe to the end: a file that was cut off fails there.

    Args:
        path: any video that FFmpeg reads.
        every_frame: decode all frames instead; finds damage in the middle, and takes 10 to 30 times as long.

    Raises:
        VideoError: when the file cannot be opened, does not say its rate, or its end (any frame) cannot be decoded.
    """
    import av

    container, stream = open_stream(path)
    with container:
        fps = check_fps(path, float(stream.average_rate or 0))
        start_pts = stream.start_time or 0
        try:
            if not every_frame:
                _seek_to_end(container, stream)
            last = _last_frame(path, container.decode(stream))
        except av.FFmpegError as error:
            raise decoding_error(path, error.strerror or str(error)) from error
        if last is None or last.pts is None or last.time_base is None:
            raise decoding_error(path, "no frame at its end")
        duration_s = float((last.pts - start_pts) * last.time_base) + 1 / fps
        check_duration(path, duration_s, stated_duration(container, stream))
        return Probe(path, fps, stream.codec_context.width, stream.codec_context.height, duration_s)


def _seek_to_end(container: InputContainer, stream: VideoStream) -> None:
    """Go to the last keyframe; formats whose length is not known are read from the start."""
    if stream.duration is not None and stream.time_base is not None:
        container.seek((stream.start_time or 0) + stream.duration, stream=stream, backward=True)
    elif container.duration:
        container.seek((container.start_time or 0) + container.duration, backward=True)


def _last_frame(path: Path, frames: Iterator[VideoFrame]) -> VideoFrame | None:
    last = None
    for frame in frames:
        if frame.is_corrupt:
            raise decoding_error(path, "damaged frame")
        last = frame
    return last
