"""Small videos whose every frame says its own number, in blocks that survive compression."""

from __future__ import annotations

from collections.abc import Callable
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest

from llavaction.video.backends import VideoBackend
from llavaction.video.encoding import write_h264
from tests.video.numbered import numbered_frame, read_number

SHARED = Path(__file__).resolve().parents[2].parent / "shared"


@pytest.fixture(scope="session")
def numbers_in() -> Callable[[np.ndarray], list[int]]:
    """Reads the frame numbers out of frames `[T, H, W, 3]`."""
    return lambda frames: [read_number(image) for image in frames]


@pytest.fixture(scope="session")
def write_numbered() -> Callable[..., Path]:
    """Writes a video whose frames are numbered from `first` on, as the project itself writes videos."""

    def write(path: Path, num_frames: int, *, first: int = 0, fps: Fraction | int = 10, size: int = 64) -> Path:
        frames = (numbered_frame(first + index, size, size) for index in range(num_frames))
        write_h264(path, frames, fps)
        return path

    return write


@pytest.fixture(scope="session")
def encode() -> Callable[..., Path]:
    """Writes a numbered video with any codec, options and keyframe distance."""

    def write(
        path: Path,
        num_frames: int,
        *,
        codec: str = "libx264",
        gop: int = 250,
        width: int = 64,
        **options: str,
    ) -> Path:
        import av
        from av.video.stream import VideoStream

        with av.open(str(path), "w") as container:
            stream = container.add_stream(codec, rate=30)
            assert isinstance(stream, VideoStream)
            stream.width, stream.height, stream.pix_fmt, stream.gop_size = width, 64, "yuv420p", gop
            stream.options = {"threads": "1"}
            stream.options |= {key.replace("_", "-"): value for key, value in options.items()}
            for index in range(num_frames):
                picture = numbered_frame(index, 64, width)
                container.mux(stream.encode(av.VideoFrame.from_ndarray(picture, format="rgb24")))
            container.mux(stream.encode(None))
        return path

    return write


@pytest.fixture(scope="session")
def shift() -> Callable[[Path, Path, float], Path]:
    """Copies a video with all time stamps moved by some seconds; negative ones hide frames (.mp4)."""

    def copy(source: Path, target: Path, offset_s: float) -> Path:
        import av

        with av.open(str(source)) as container, av.open(str(target), "w") as output:
            stream = container.streams.video[0]
            copied = output.add_stream_from_template(stream)
            for packet in container.demux(stream):
                if packet.pts is not None and packet.dts is not None:
                    packet.pts += int(offset_s / packet.time_base)
                    packet.dts += int(offset_s / packet.time_base)
                    packet.stream = copied
                    output.mux(packet)
        return target

    return copy


@pytest.fixture(params=[VideoBackend.DECORD, VideoBackend.PYAV])
def backend(request: pytest.FixtureRequest) -> VideoBackend:
    """Each decoder in turn."""
    library = {VideoBackend.DECORD: "decord", VideoBackend.PYAV: "av"}[request.param]
    pytest.importorskip(library, reason=f"{library} is not installed (decord has no ARM wheels)")
    return VideoBackend(request.param)


@pytest.fixture(scope="session")
def real_videos() -> Path:
    """Folder with a real kitchen video and a damaged one, which are not part of the repository."""
    folder = SHARED / "data" / "video"
    if not folder.is_dir():
        pytest.skip("the real video files (../shared/data/video) are not here")
    return folder


@pytest.fixture(scope="session")
def oracle() -> Path:
    """Folder with results of the reference implementation, which are not part of the repository."""
    folder = SHARED / "oracle"
    if not folder.is_dir():
        pytest.skip("the reference results (../shared/oracle) are not here")
    return folder
