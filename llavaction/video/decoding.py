"""All pictures of a source video in order, with their times, and an error where some are missing."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING

from llavaction.annotations.timestamps import parse_timestamp
from llavaction.utils.errors import VideoError
from llavaction.video.backends.base import check_fps, decoding_error
from llavaction.video.backends.pyav_reader import open_stream

if TYPE_CHECKING:
    from av import VideoFrame
    from av.container import InputContainer
    from av.video.stream import VideoStream

MAX_SHORTFALL_S = 0.5
"""How long before the end that its header states a file may end: some containers estimate it."""


@dataclass(frozen=True)
class Picture:
    """One decoded picture: shown from `time_s` (seconds after the first picture) for `duration_s`."""

    time_s: Fraction
    duration_s: Fraction
    frame: VideoFrame


def decode_pictures(path: Path, max_gap_s: float) -> Iterator[Picture]:
    """Decode a whole file on one thread, holding one picture at a time.

    Args:
        path: any video that FFmpeg reads.
        max_gap_s: longest time for which one picture may stand still.

    Raises:
        VideoError: when the file cannot be opened or decoded, a picture is damaged or has no time, a picture
            stands still for too long (pictures before the next are lost), or the file ends before its header says.
    """
    import av

    container, stream = open_stream(path)
    with container:
        unit_s = stream.time_base or Fraction(0)
        frame_s = 1 / Fraction(check_fps(path, float(stream.average_rate or 0)))
        stated_s = stated_duration(container, stream)
        origin_s: Fraction | None = None
        last: Picture | None = None
        try:
            for frame in container.decode(stream):
                at_s = _time_units(path, frame, last) * unit_s
                origin_s = at_s if origin_s is None else origin_s
                shown_s = frame.duration * unit_s if frame.duration else frame_s
                picture = Picture(at_s - origin_s, shown_s, frame)
                _check_gap(path, last, picture, max_gap_s)
                yield picture
                last = picture
        except av.FFmpegError as error:
            raise decoding_error(path, error.strerror or str(error)) from error
    if last is None:
        raise VideoError(f"{path}: holds no picture that can be decoded; fetch the file again")
    check_duration(path, float(last.time_s + last.duration_s), stated_s)


def _time_units(path: Path, frame: VideoFrame, last: Picture | None) -> int:
    after = "at the start" if last is None else f"after {float(last.time_s):.2f} s"
    if frame.is_corrupt:
        raise decoding_error(path, f"damaged picture {after}")
    if frame.pts is None:
        raise decoding_error(path, f"picture without a time stamp {after}")
    return frame.pts


def _check_gap(path: Path, last: Picture | None, picture: Picture, max_gap_s: float) -> None:
    if last is None:
        return
    gap_s = float(picture.time_s - last.time_s)
    if gap_s <= 0:
        raise decoding_error(path, f"time goes back by {-gap_s:.3f} s after {float(last.time_s):.2f} s")
    if gap_s > max_gap_s:
        raise VideoError(
            f"{path}: no picture for {gap_s:.2f} s after {float(last.time_s):.2f} s ({max_gap_s:g} s is allowed); "
            "the file has lost some: fetch it again"
        )


def stated_duration(container: InputContainer, stream: VideoStream) -> float | None:
    """Seconds of video that the header promises, or None where it tells only of sound and video together."""
    whole_s = container.duration / 1_000_000 if container.duration else None
    unit_s = stream.time_base or Fraction(0)
    # Matroska states when the video ends, mp4 how long it lasts, which differs where it begins late.
    start_s = float((stream.start_time or 0) * unit_s)
    if stream.duration is not None:
        video_s = float(stream.duration * unit_s)
        # The movie's duration leaves out what an edit list hides, the stream's does not.
        return video_s if whole_s is None else min(video_s, whole_s)
    if text := stream.metadata.get("DURATION"):
        return parse_timestamp(text) - start_s
    return whole_s - start_s if whole_s is not None and len(container.streams) == 1 else None


def check_duration(path: Path, decoded_s: float, stated_s: float | None) -> None:
    """Compare how long a file lasts with what its header says.

    Raises:
        VideoError: when it ends too early.
    """
    if stated_s is not None and decoded_s < stated_s - MAX_SHORTFALL_S:
        raise VideoError(
            f"{path}: ends after {decoded_s:.2f} s, while its header says {stated_s:.2f} s; the file was cut off: "
            "fetch or write it again"
        )
