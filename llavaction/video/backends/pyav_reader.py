"""Reading frames with PyAV (FFmpeg): exact for every file whose packets carry time stamps."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from llavaction.utils.errors import VideoError
from llavaction.video.backends.base import FrameReader, check_file, check_fps, check_frame_idx, decoding_error
from llavaction.video.backends.packet_index import index_packets

if TYPE_CHECKING:
    from av import Packet, VideoFrame
    from av.container import InputContainer
    from av.video.stream import VideoStream


def open_stream(path: Path) -> tuple[InputContainer, VideoStream]:
    """Open a file and pick its best video stream, which will decode on one thread.

    Raises:
        VideoError: when the file is missing, empty, not a video, or PyAV is not installed.
    """
    check_file(path)
    try:
        import av
        from av.video.stream import VideoStream
    except ImportError as error:
        raise VideoError(f"{path}: PyAV is not available ({error}); run `pip install av`") from error
    try:
        container = av.open(str(path))
    except av.FFmpegError as error:
        raise VideoError(
            f"{path}: not a video that FFmpeg can open ({error.strerror}); fetch or write it again"
        ) from error
    stream = container.streams.best("video")
    if not isinstance(stream, VideoStream):
        container.close()
        raise VideoError(f"{path}: holds no video stream; check that this is the right file")
    stream.codec_context.thread_count = 1  # data loader workers are the parallelism
    return container, stream


class PyavReader(FrameReader):
    """Seeks to the keyframe before a frame and decodes forward from there.

    Frames are told apart by their time stamps, never by counting. Reading on after the last frame
    read continues without a seek. RGB values are those of FFmpeg's default conversion.
    """

    def __init__(self, path: Path) -> None:
        """Open `path` and index its packets.

        Raises:
            VideoError: when the file cannot be opened or indexed, or does not say its frame rate.
        """
        self.path = path
        self._container, self._stream = open_stream(path)
        from av.video.reformatter import VideoReformatter

        try:
            self._index = index_packets(path, self._container, self._stream)
        except VideoError:
            self._container.close()
            raise
        self.num_frames = len(self._index.frame_pts)
        self.fps = check_fps(path, self._index.frame_rate(float(self._stream.average_rate or 0)))
        self._converter = VideoReformatter()
        self._frames: Iterator[VideoFrame] = iter(())
        self._last_pts: int | None = None  # of the frame decoded last; None: seek first

    def read(self, frame_idx: Sequence[int]) -> np.ndarray:
        indices = check_frame_idx(self.path, frame_idx, self.num_frames)
        wanted, places = np.unique(indices, return_inverse=True)
        import av

        try:
            images = [self._decode(int(index)) for index in wanted]
        except av.FFmpegError as error:
            self._last_pts = None
            raise decoding_error(self.path, error.strerror or str(error)) from error
        if len({image.shape for image in images}) != 1:
            raise VideoError(f"{self.path}: the picture size changes within the file; re-encode it as .mp4")
        return np.stack([images[place] for place in places])

    def close(self) -> None:
        self._frames, self._last_pts = iter(()), None  # the iterator refers back to this reader
        self._container.close()

    def _decode(self, index: int) -> np.ndarray:
        pts = int(self._index.frame_pts[index])
        keyframes = self._index.keyframe_pts
        group = max(0, int(np.searchsorted(keyframes, pts, side="right")) - 1)
        if self._last_pts is None or not keyframes[group] <= self._last_pts < pts:
            self._last_pts = None
            self._frames = self._frames_from(group)
        for frame in self._frames:
            if frame.pts is None or (self._last_pts is not None and frame.pts <= self._last_pts):
                raise decoding_error(self.path, f"time stamp {frame.pts} after {self._last_pts}")
            self._last_pts = frame.pts
            if frame.pts == pts:
                return self._to_rgb(frame)
            if frame.pts > pts:
                break
        self._last_pts = None
        raise decoding_error(self.path, f"the decoder gave no frame {index} of {self.num_frames}")

    def _frames_from(self, group: int) -> Iterator[VideoFrame]:
        for packet in self._packets_from(group):
            yield from self._stream.decode(packet)

    def _packets_from(self, group: int) -> Iterator[Packet[VideoStream]]:
        """Packets from a keyframe that is displayed no later than keyframe `group`."""
        # Some containers (.ts) seek by decoding time and land after the keyframe: then step back further.
        limit = int(self._index.keyframe_pts[group])
        for earlier in range(group, -1, -1):
            self._container.seek(int(self._index.keyframe_pts[earlier]), stream=self._stream)
            packets = self._container.demux(self._stream)
            first = next((packet for packet in packets if packet.is_keyframe), None)
            if first is not None and first.pts is not None and first.pts <= limit:
                return chain([first], packets)
        self._container.close()
        self._container, self._stream = open_stream(self.path)
        return self._container.demux(self._stream)

    def _to_rgb(self, frame: VideoFrame) -> np.ndarray:
        # frame.to_ndarray alone would set up a new converter, with threads, for every frame.
        image = self._converter.reformat(frame, format="rgb24", threads=1).to_ndarray()
        # Phones store the sensor's picture and a rotation; decord applies it, so this reader does too.
        if frame.rotation % 90 == 0:
            image = np.rot90(image, round(frame.rotation / 90))
        return image
