"""Reading frames with PyAV (FFmpeg): exact for every file whose packets carry time stamps."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from llavaction.utils.errors import VideoError
from llavaction.video.backends.base import FrameReader, check_file, check_fps, check_frame_idx, decoding_error
from llavaction.video.backends.index_cache import IndexCache
from llavaction.video.backends.packet_index import index_packets

if TYPE_CHECKING:
    from av import Packet, VideoFrame
    from av.container import InputContainer
    from av.video.stream import VideoStream


MAX_SHORT_GROUP = 30
"""Frames between keyframes, on average, up to which a file is read anew from a keyframe for every clip."""


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
    """Seeks to the keyframe before a frame and decodes forward from there, no more than is needed.

    Frames are told apart by their time stamps, never by counting. Reading on after the last frame
    read continues without a seek. RGB values are those of FFmpeg's default conversion.
    """

    def __init__(self, path: Path, indexes: IndexCache | None = None) -> None:
        """Open `path` and index its packets, unless `indexes` has them.

        Raises:
            VideoError: when the file cannot be opened or indexed, or does not say its frame rate.
        """
        self.path = path
        self._container, self._stream = open_stream(path)
        from av.video.reformatter import VideoReformatter

        try:
            self._index = (indexes or IndexCache(0)).get(
                path, lambda: index_packets(path, self._container, self._stream)
            )
        except VideoError:
            self._container.close()
            raise
        self.num_frames = len(self._index.frame_pts)
        self.fps = check_fps(path, self._index.frame_rate(float(self._stream.average_rate or 0)))
        # Where a keyframe is near, starting there again costs less than the frames a decoder needs to look ahead.
        self._has_short_groups = self.num_frames <= MAX_SHORT_GROUP * len(self._index.keyframe_pts)
        self._converter = VideoReformatter()
        self._frames: Iterator[VideoFrame] = iter(())
        self._last_pts: int | None = None  # of the frame decoded last; None: seek first
        self._skipped_pts = 0  # highest time stamp of the frames left out since the last seek
        self._pending: set[int] = set()  # time stamps of the frames asked for whose packets are still to come
        self._stops = False  # whether decoding ends with the last of these

    def read(self, frame_idx: Sequence[int]) -> np.ndarray:
        indices = check_frame_idx(self.path, frame_idx, self.num_frames)
        wanted, places = np.unique(indices, return_inverse=True)
        import av

        try:
            images = self._collect(self._decode(wanted), len(wanted))
        except av.FFmpegError as error:
            self._last_pts = None
            raise decoding_error(self.path, error.strerror or str(error)) from error
        return images if np.array_equal(wanted, indices) else images[places]

    def close(self) -> None:
        self._frames, self._last_pts = iter(()), None  # the iterator refers back to this reader
        self._container.close()

    def _collect(self, frames: Iterator[VideoFrame], num_frames: int) -> np.ndarray:
        """RGB images of all frames, each written to its place as soon as it is decoded."""
        images: np.ndarray | None = None
        for number, frame in enumerate(frames):
            image = self._to_rgb(frame)
            if images is None:
                images = np.empty((num_frames, *image.shape), dtype=np.uint8)
            if image.shape != images.shape[1:]:
                self._last_pts = None
                raise VideoError(f"{self.path}: the picture size changes within the file; re-encode it as .mp4")
            images[number] = image
        assert images is not None  # at least one frame is asked for
        return images

    def _decode(self, wanted: np.ndarray) -> Iterator[VideoFrame]:
        """The frames int64 `[T]` in ascending order, one group of pictures after another."""
        keyframes, pts = self._index.keyframe_pts, self._index.frame_pts[wanted]
        groups = (np.searchsorted(keyframes, pts, side="right") - 1).clip(min=0)
        for group in np.unique(groups).tolist():
            here = pts[groups == group].tolist()
            self._pending, self._stops = set(here), group < groups[-1] or self._has_short_groups
            passed = None if self._last_pts is None else max(self._last_pts, self._skipped_pts)
            if passed is None or not keyframes[group] <= passed < here[0]:
                self._last_pts = None
                self._frames = self._frames_from(group)
            for stamp in here:
                yield self._next_frame(stamp)
            if self._stops:
                self._last_pts = None

    def _next_frame(self, pts: int) -> VideoFrame:
        for frame in self._frames:
            if frame.pts is None or (self._last_pts is not None and frame.pts <= self._last_pts):
                raise decoding_error(self.path, f"time stamp {frame.pts} after {self._last_pts}")
            self._last_pts = frame.pts
            if frame.pts == pts:
                return frame
            if frame.pts > pts:
                break
        self._last_pts = None
        place = int(np.searchsorted(self._index.frame_pts, pts))
        raise decoding_error(self.path, f"the decoder gave no frame {place} of {self.num_frames}")

    def _frames_from(self, group: int) -> Iterator[VideoFrame]:
        """Decode from a keyframe on: to the last frame asked for if decoding stops there, else for as long as asked."""
        self._skipped_pts = int(self._index.keyframe_pts[group]) - 1
        packets = self._packets_from(group)
        decoder = self._stream.codec_context
        # In H.264, a picture that no other refers to says so, and need not be decoded.
        can_skip = decoder.name == "h264"
        while (self._pending or not self._stops) and (packet := next(packets, None)) is not None and packet.size:
            pts = packet.pts
            skips = can_skip and bool(self._pending) and pts not in self._pending
            decoder.skip_frame = "NONREF" if skips else "DEFAULT"
            if skips:
                self._skipped_pts = max(self._skipped_pts, pts or 0)
            self._pending.discard(pts)
            yield from decoder.decode(packet)
        yield from decoder.decode(None)

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
        rotation = frame.rotation
        return np.rot90(image, round(rotation / 90)) if rotation and rotation % 90 == 0 else image
