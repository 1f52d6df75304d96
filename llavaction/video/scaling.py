"""Pictures of any size, format and rotation to small upright ones."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from av import VideoFrame


class Scaler:
    """Makes the short side `short_side` pixels, if it is longer, and all else as H.264 readers expect it.

    What comes out is yuv420p of limited range and even size, rotated as the source asks for. Pictures are made
    smaller with FFmpeg's bicubic filter, its programs' default, which is widened to average over all the pixels
    that one replaces. The meaning of colours (BT.601, BT.709) stays the source's and stays said in the frame.
    """

    def __init__(self, short_side: int) -> None:
        from av.video.reformatter import VideoReformatter

        self._short_side = short_side
        self._reformatter = VideoReformatter()

    def scale(self, frame: VideoFrame) -> VideoFrame:
        """A picture that may be the given one where nothing is to be done."""
        from av.video.reformatter import ColorRange, Interpolation

        width, height = scaled_size(frame.width, frame.height, self._short_side)
        small = self._reformatter.reformat(
            frame,
            width=width,
            height=height,
            format="yuv420p",
            interpolation=Interpolation.BICUBIC,
            dst_color_range=ColorRange.MPEG,
            threads=1,
        )
        turns = round(frame.rotation / 90) % 4 if frame.rotation % 90 == 0 else 0
        return _rotate(small, turns) if turns else small


def scaled_size(width: int, height: int, short_side: int) -> tuple[int, int]:
    """Even width and height of the same shape, to a pixel, whose shorter one is at most `short_side`.

    >>> scaled_size(1920, 1080, 320)
    (568, 320)
    """
    shrink = min(1.0, short_side / min(width, height))
    return _even(width * shrink), _even(height * shrink)


def _even(length: float) -> int:
    return max(2, 2 * round(length / 2))


def _rotate(frame: VideoFrame, turns: int) -> VideoFrame:
    """Turn a yuv420p picture anticlockwise by quarters, plane by plane."""
    from av import VideoFrame

    rows, height, width = frame.to_ndarray(), frame.height, frame.width
    luma, chroma = rows[:height], rows[height:].reshape(2, height // 2, width // 2)
    planes = [np.rot90(plane, turns).reshape(-1) for plane in (luma, *chroma)]
    turned_width = width if turns % 2 == 0 else height
    turned = VideoFrame.from_ndarray(np.concatenate(planes).reshape(-1, turned_width), format="yuv420p")
    turned.colorspace, turned.color_range = frame.colorspace, frame.color_range
    turned.color_primaries, turned.color_trc = frame.color_primaries, frame.color_trc
    return turned
