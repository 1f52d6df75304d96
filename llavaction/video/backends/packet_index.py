"""Which frames a file holds, found by reading its packets without decoding them.

Containers say how many frames they hold, but the number may be wrong or absent, packets are stored
in decoding order, and an edit list may hide some of them. Only the packets' own time stamps tell
which frame is displayed at which place.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from llavaction.utils.errors import VideoError
from llavaction.video.backends.base import decoding_error

if TYPE_CHECKING:
    from av import Packet
    from av.container import InputContainer
    from av.video.stream import VideoStream


STATED_RATE_TOLERANCE = 0.005
"""Share by which a stated frame rate may differ from the time stamps, which are rounded."""


@dataclass(frozen=True)
class PacketIndex:
    """The displayed frames and the keyframes of one video stream; times in the stream's time base."""

    frame_pts: np.ndarray
    """int64 `[F]`, ascending: when frame 0, 1, ... is displayed."""
    keyframe_pts: np.ndarray
    """int64 `[G]`, ascending: when each keyframe is displayed, hidden ones included."""
    num_hidden: int
    """Packets that must be decoded but are not displayed (an edit list cuts them off)."""
    has_leading_frames: bool
    """Whether a frame stored after a keyframe is displayed before it (open groups of pictures)."""
    time_base_s: float
    """Seconds per unit of the times."""

    def frame_rate(self, stated: float) -> float:
        """Frames per second: the stated rate where the time stamps bear it out, else what they say.

        FFmpeg guesses the rate of a Matroska file that states none from two stamps in whole milliseconds: 30.3
        instead of 30.
        """
        if len(self.frame_pts) < 2 or not self.time_base_s:
            return stated
        measured = (len(self.frame_pts) - 1) / float((self.frame_pts[-1] - self.frame_pts[0]) * self.time_base_s)
        return stated if abs(stated - measured) <= STATED_RATE_TOLERANCE * measured else measured


def index_packets(path: Path, container: InputContainer, stream: VideoStream) -> PacketIndex:
    """Read all packets of `stream` once; leaves the container at its end.

    Raises:
        VideoError: when there is no frame, or time stamps are missing or shared by two frames.
    """
    packets = [(packet.pts, packet.is_keyframe, packet.is_discard) for packet in _packets(path, container, stream)]
    pts = np.array([stamp for stamp, _, _ in packets if stamp is not None], dtype=np.int64)
    is_keyframe = np.array([keyframe for _, keyframe, _ in packets], dtype=bool)
    is_hidden = np.array([hidden for _, _, hidden in packets], dtype=bool)
    if not is_keyframe.any() or is_hidden.all():
        raise VideoError(f"{path}: the video stream holds no frame that can be shown; fetch or write it again")
    in_order = np.sort(pts)
    if len(pts) < len(packets) or (np.diff(in_order) == 0).any():
        raise VideoError(f"{path}: time stamps are missing or occur twice; re-encode the file as .mp4")
    if _hides_order(container, stream) and (in_order == pts).all():
        raise VideoError(f"{path}: this .avi file has B-frames without their order; re-encode it as .mp4")
    return PacketIndex(
        frame_pts=np.sort(pts[~is_hidden]),
        keyframe_pts=np.sort(pts[is_keyframe]),
        num_hidden=int(is_hidden.sum()),
        has_leading_frames=bool((in_order[is_keyframe] != pts[is_keyframe]).any()),
        time_base_s=float(stream.time_base or 0),
    )


def _packets(path: Path, container: InputContainer, stream: VideoStream) -> Iterator[Packet[VideoStream]]:
    import av

    try:
        yield from (packet for packet in container.demux(stream) if packet.size)  # the last marks the end
    except av.FFmpegError as error:
        raise decoding_error(path, error.strerror or str(error)) from error


def _hides_order(container: InputContainer, stream: VideoStream) -> bool:
    # AVI stores no time stamps; for H.264 FFmpeg then numbers the packets as they are stored.
    return container.format.name == "avi" and bool(stream.codec_context.has_b_frames)
