"""Writing H.264 files with PyAV, so that no ffmpeg program is needed."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from llavaction.utils.errors import VideoError

if TYPE_CHECKING:
    from av import VideoFrame
    from av.video.stream import VideoStream

# Without macroblock trees the same frames give the same bytes; with them they vary from run to run.
_SAME_BYTES = "mbtree=0"
# Three of four pictures are referred to by no other, so that a reader can leave out those it is not asked for.
_SKIPPABLE = "bframes=4:b-adapt=0:b-pyramid=none"


def write_h264(
    path: Path,
    frames: Iterable[np.ndarray] | Iterable[VideoFrame],
    fps: Fraction | int,
    *,
    keyframe_interval: int = 15,
    crf: int = 18,
    preset: str = "veryfast",
    fast_decoding: bool = False,
    comment: str = "",
) -> int:
    """Encode frames as H.264 (yuv420p, no audio) and return how many were written.

    The file appears whole or not at all, and frames are taken one by one as they are encoded. A keyframe
    every 15 frames keeps seeking cheap: a decoder must start at a keyframe, and with libx264's default of
    250 a 2-second clip costs 8 more seconds.

    Args:
        path: target, ending in a name that says its container (.mp4, .MP4, .mkv).
        frames: uint8 RGB `[H, W, 3]`, or PyAV frames in yuv420p; all of one even size.
        fps: frames per second.
        keyframe_interval: largest distance between keyframes, in frames.
        crf: constant rate factor of libx264, 0 (lossless) to 51.
        preset: of libx264, "ultrafast" to "placebo".
        fast_decoding: choose what decodes quickly: no arithmetic coding, no deblocking, pictures that can be
            skipped. Halves the decoding time of a picture, for a larger file of the same quality.
        comment: stored in the file's metadata.

    Raises:
        VideoError: when there is no frame, or one has another shape, an odd size or another format; or when
            libx264 refuses the settings.
    """
    import av

    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{os.getpid()}.{path.name}")
    count = 0
    first: VideoFrame | None = None
    try:
        with av.open(str(temporary), "w") as container:
            stream = container.add_stream("libx264", rate=Fraction(fps))
            stream.pix_fmt = "yuv420p"
            stream.gop_size = keyframe_interval
            stream.options = {"crf": str(crf), "preset": preset, "threads": "1", "x264-params": _SAME_BYTES}
            if fast_decoding:
                stream.options |= {"tune": "fastdecode", "x264-params": f"{_SAME_BYTES}:{_SKIPPABLE}"}
            if comment:
                container.metadata["comment"] = comment
            for image in frames:
                frame = _to_frame(path, count, image, first)
                if first is None:
                    first = frame
                    _describe(stream, frame)
                frame.pts, frame.time_base = count, 1 / Fraction(fps)
                container.mux(stream.encode(frame))
                count += 1
            if count == 0:
                raise VideoError(f"{path}: no frames to write")
            container.mux(stream.encode(None))
        temporary.replace(path)
    except (av.FFmpegError, OSError) as error:
        raise VideoError(f"{path}: cannot be written ({error})") from error
    finally:
        temporary.unlink(missing_ok=True)
    return count


def original_name(name: str) -> str | None:
    """The file that a temporary file of this name would have become; None for other names."""
    match = re.fullmatch(r"\.\d+\.(.+)", name)
    return match[1] if match else None


def _describe(stream: VideoStream, frame: VideoFrame) -> None:
    """Say the size, and what the colours of the pictures mean: a reader that converts them to RGB believes it."""
    codec = stream.codec_context
    codec.width, codec.height = frame.width, frame.height
    codec.colorspace, codec.color_range = int(frame.colorspace), int(frame.color_range)
    codec.color_primaries, codec.color_trc = int(frame.color_primaries), int(frame.color_trc)


def _to_frame(path: Path, number: int, image: np.ndarray | VideoFrame, first: VideoFrame | None) -> VideoFrame:
    """Check a picture; frames of PyAV forget which kind of picture (I, P, B) they were in their source."""
    from av import VideoFrame
    from av.video.frame import PictureType

    if isinstance(image, np.ndarray):
        if image.dtype != np.uint8 or image.ndim != 3 or image.shape[2] != 3:
            raise VideoError(f"{path}: frame {number} is {image.dtype} {image.shape}; expected uint8 [H, W, 3]")
        height, width = image.shape[:2]
    else:
        if image.format.name != "yuv420p":
            raise VideoError(f"{path}: frame {number} is {image.format.name}; expected yuv420p")
        height, width = image.height, image.width
    if first is not None and (height, width) != (first.height, first.width):
        raise VideoError(
            f"{path}: frame {number} is {height} x {width}, the first frame was {first.height} x {first.width}"
        )
    if height % 2 or width % 2:
        raise VideoError(f"{path}: size {height} x {width} is odd; H.264 with yuv420p needs even sizes")
    if isinstance(image, np.ndarray):
        return VideoFrame.from_ndarray(np.ascontiguousarray(image), format="rgb24")
    image.pict_type = PictureType.NONE
    return image
