"""Decoders: the right frames in the right colours, whatever the file, and clear errors."""

from __future__ import annotations

import multiprocessing
import random
import struct
import sys
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from llavaction.utils.errors import VideoError
from llavaction.video.backends import FrameReader, VideoBackend, open_reader
from llavaction.video.backends.packet_index import PacketIndex
from llavaction.video.encoding import write_h264

pytestmark = pytest.mark.thorough

Write = Callable[..., Path]
NUM_FRAMES = 120
# Pixel values may differ by this much between decoders; the versions tested agree exactly.
TOLERANCE = 2


@pytest.fixture(scope="module")
def videos(tmp_path_factory: pytest.TempPathFactory, write_numbered: Write, encode: Write, shift: Write) -> Path:
    """A folder with numbered videos of many kinds, 120 frames each unless frames are hidden."""
    folder = tmp_path_factory.mktemp("videos")
    write_numbered(folder / "keyframes.mp4", NUM_FRAMES, fps=30)
    long = encode(folder / "long_group.mp4", NUM_FRAMES, bf="3")
    encode(folder / "b_frames.mkv", NUM_FRAMES, bf="3", gop=30)
    shift(long, folder / "late.mp4", 2.0)
    shift(long, folder / "late.mkv", 2.0)
    open_group = "open-gop=1:keyint=20:min-keyint=20:bframes=4:b-adapt=0"
    encode(folder / "open_group.mp4", NUM_FRAMES, gop=20, x264_params=open_group)
    shift(folder / "open_group.mp4", folder / "stream.ts", 2.0)
    shift(long, folder / "hidden.mp4", -1.0)
    encode(folder / "narrow.mp4", NUM_FRAMES, width=48)
    return folder


def check_frames(reader: FrameReader, numbers_in: Callable[[np.ndarray], list[int]], first: int = 0) -> None:
    """Read all frames in order, then some in any order, alone and with duplicates."""
    everything = list(range(reader.num_frames))
    assert numbers_in(reader.read(everything)) == [first + index for index in everything]
    rng = random.Random(0)
    for size in (1, 1, 2, 3, 5, 8, 8, 8, 8, 8):
        wanted = rng.choices(everything, k=size)
        wanted.append(wanted[0])
        frames = reader.read(wanted)
        assert frames.shape == (size + 1, reader.height, reader.width, 3)
        assert frames.dtype == np.uint8
        assert numbers_in(frames) == [first + index for index in wanted]


@pytest.mark.parametrize("name", ["keyframes.mp4", "long_group.mp4", "b_frames.mkv", "late.mp4", "late.mkv"])
def test_reads_exact_frames(
    videos: Path, name: str, backend: VideoBackend, numbers_in: Callable[[np.ndarray], list[int]]
) -> None:
    reader = open_reader(videos / name, backend)
    assert (reader.path, reader.num_frames) == (videos / name, NUM_FRAMES)
    assert reader.fps == pytest.approx(30, rel=1e-3)
    assert (reader.height, reader.width) == (64, 64)
    check_frames(reader, numbers_in)
    reader.close()
    reader.close()


@pytest.mark.parametrize(
    ("name", "first", "reason"),
    [
        ("open_group.mp4", 0, "keyframe"),
        ("stream.ts", 0, "mpegts"),
        ("hidden.mp4", 30, "hides 30 frames"),
        ("narrow.mp4", 0, "narrower than 64"),
    ],
)
def test_decord_leaves_to_pyav_what_it_misreads(
    videos: Path, name: str, first: int, reason: str, numbers_in: Callable[[np.ndarray], list[int]]
) -> None:
    reader = open_reader(videos / name, VideoBackend.PYAV)
    assert reader.num_frames == NUM_FRAMES - first
    check_frames(reader, numbers_in, first)
    reader.close()
    pytest.importorskip("decord", reason="decord is not installed")
    with pytest.raises(VideoError, match=rf"{name}.*{reason}.*backend=pyav"):
        open_reader(videos / name, VideoBackend.DECORD)


def test_decord_does_not_repeat_frames_silently(videos: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("decord", reason="decord is not installed")
    monkeypatch.setattr("llavaction.video.backends.decord_reader._refuse_unfit", lambda path, indexes: None)
    reader = open_reader(videos / "stream.ts", VideoBackend.DECORD)
    with pytest.raises(VideoError, match=r"stream\.ts: cannot be decoded \(.*duplicate frames"):
        reader.read(range(NUM_FRAMES))


def test_reads_on_without_losing_its_place(
    videos: Path, backend: VideoBackend, numbers_in: Callable[[np.ndarray], list[int]]
) -> None:
    reader = open_reader(videos / "long_group.mp4", backend)
    for wanted in ([3, 9], [10], [11, 30], [30], [29], [118, 119], [0], [119], [119, 0]):
        assert numbers_in(reader.read(wanted)) == wanted


def textured(num_frames: int) -> list[np.ndarray]:
    """Pictures that move and in which a single lost reference would show."""
    rng = np.random.default_rng(0)
    wide = rng.integers(0, 256, (96, 400, 3), dtype=np.uint8)
    return [np.ascontiguousarray(wide[:, 3 * idx % 300 :][:, :96]) for idx in range(num_frames)]


ENCODINGS = {
    "chunk": ("libx264", {"x264-params": "bframes=3:b-adapt=0:b-pyramid=none", "g": "15", "tune": "fastdecode"}),
    "default": ("libx264", {}),
    "pyramid": ("libx264", {"x264-params": "bframes=8:b-adapt=0:b-pyramid=normal:ref=4", "g": "40"}),
    "open": ("libx264", {"x264-params": "open-gop=1:keyint=12:min-keyint=12:bframes=3:b-adapt=0"}),
    "fields": ("libx264", {"x264-params": "tff=1:bframes=3", "g": "30"}),
    "hevc": ("libx265", {"x265-params": "log-level=none:bframes=4:b-pyramid=1:temporal-layers=3", "g": "24"}),
    "mpeg4": ("mpeg4", {"bf": "2", "g": "20"}),
}


@pytest.mark.parametrize("name", ENCODINGS)
def test_frames_that_are_not_asked_for_change_nothing(tmp_path: Path, name: str) -> None:
    import av

    codec, options = ENCODINGS[name]
    if codec not in av.codecs_available:
        pytest.skip(f"this FFmpeg has no {codec}")
    path = tmp_path / "textured.mp4"
    with av.open(str(path), "w") as container:
        stream = container.add_stream(codec, rate=30)
        stream.width, stream.height, stream.pix_fmt, stream.options = 96, 96, "yuv420p", {"threads": "1"} | options
        for picture in textured(90):
            container.mux(stream.encode(av.VideoFrame.from_ndarray(picture, format="rgb24")))
        container.mux(stream.encode(None))
    with av.open(str(path)) as container:
        truth = np.stack([frame.to_ndarray(format="rgb24") for frame in container.decode(video=0)])

    reader = open_reader(path, VideoBackend.PYAV)
    assert reader.num_frames == len(truth) == 90
    rng = random.Random(0)
    for _ in range(30):
        wanted = rng.sample(range(90), rng.choice([1, 2, 5, 16]))
        if rng.random() < 0.7:
            first = rng.randrange(90)
            wanted = sorted({min(89, first + rng.randrange(40)) for _ in wanted})
        np.testing.assert_array_equal(reader.read(wanted), truth[wanted])


def test_what_follows_the_last_frame_asked_for_is_not_decoded(
    tmp_path: Path, write_numbered: Write, numbers_in: Callable[[np.ndarray], list[int]]
) -> None:
    import av

    path = write_numbered(tmp_path / "half.mp4", 60)
    with av.open(str(path)) as container:
        damaged = [packet.pos for packet in container.demux(video=0) if packet.size][31:]
    data = bytearray(path.read_bytes())
    for start in damaged:
        data[start : start + 4] = b"\xff" * 4  # the length of what follows
    path.write_bytes(data)
    reader = open_reader(path, VideoBackend.PYAV)
    for wanted in ([0, 29], [16, 17, 30], [3]):
        assert numbers_in(reader.read(wanted)) == wanted
    with pytest.raises(VideoError, match="cannot be decoded"):
        reader.read([30, 31])
    assert numbers_in(reader.read([5])) == [5]


def test_colours_are_red_green_blue(tmp_path: Path, backend: VideoBackend) -> None:
    picture = np.zeros((64, 128, 3), dtype=np.uint8)
    picture[:, :64, 0] = 255
    picture[:, 64:, 2] = 255
    write_h264(tmp_path / "colours.mp4", [picture] * 3, 10)
    frame = open_reader(tmp_path / "colours.mp4", backend).read([1])[0].astype(int)
    assert np.abs(frame[32, 16] - [255, 0, 0]).max() < 12
    assert np.abs(frame[32, 112] - [0, 0, 255]).max() < 12


def test_rotation_is_applied(tmp_path: Path, backend: VideoBackend) -> None:
    picture = np.zeros((64, 128, 3), dtype=np.uint8)
    picture[:, :64, 0] = 255
    path = tmp_path / "phone.mp4"
    write_h264(path, [picture] * 3, 10)
    data = bytearray(path.read_bytes())
    matrix = data.index(b"tkhd") + 44  # of a version 0 track header (ISO/IEC 14496-12, 8.3.2)
    one = 1 << 16
    data[matrix : matrix + 36] = struct.pack(">9i", 0, one, 0, -one, 0, 0, 0, 0, 1 << 30)
    path.write_bytes(data)
    reader = open_reader(path, backend)
    assert (reader.height, reader.width) == (128, 64)
    assert reader.read([0])[0, [16, 112], 32, 0].tolist() == [
        pytest.approx(255, abs=12),
        pytest.approx(0, abs=12),
    ]


def test_backends_agree_on_a_real_video(real_videos: Path) -> None:
    pytest.importorskip("decord", reason="decord is not installed")
    path = real_videos / "flipping_a_pancake.mkv"
    readers = [open_reader(path, backend) for backend in (VideoBackend.DECORD, VideoBackend.PYAV)]
    for reader in readers:
        assert (reader.num_frames, reader.fps, reader.height, reader.width) == (310, 30.0, 240, 426)
    for wanted in ([0, 1, 309], [200, 17, 18, 200], [299, 150]):
        ours, theirs = (reader.read(wanted).astype(int) for reader in readers)
        assert np.abs(ours - theirs).max() <= TOLERANCE
    assert np.abs(np.diff(readers[0].read([100, 101, 102]).astype(int), axis=0)).mean() > 1


def test_damaged_data_is_one_clear_error(
    real_videos: Path, backend: VideoBackend, capfd: pytest.CaptureFixture[str]
) -> None:
    reader = open_reader(real_videos / "corrupted.mp4", backend)
    for _ in range(2):
        with pytest.raises(VideoError, match=r"corrupted\.mp4: cannot be decoded \(.*\); fetch"):
            reader.read(list(range(reader.num_frames)))
    reader.close()
    assert capfd.readouterr().err == ""


def test_index_outside_the_file(videos: Path, backend: VideoBackend) -> None:
    reader = open_reader(videos / "keyframes.mp4", backend)
    for wrong in (NUM_FRAMES, -1):
        with pytest.raises(VideoError, match=rf"keyframes\.mp4: frame index {wrong} .* has 120 frames"):
            reader.read([0, wrong])
    with pytest.raises(VideoError, match="at least one"):
        reader.read([])


def test_what_is_no_video(tmp_path: Path, backend: VideoBackend, capfd: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "empty.mp4").touch()
    (tmp_path / "text.mp4").write_text("no video\n" * 50)
    (tmp_path / "words.srt").write_text("1\n00:00:00,000 --> 00:00:01,000\nno picture\n")
    for name, reason in (
        ("absent.mp4", "no such file"),
        (".", "not a regular file"),
        ("empty.mp4", "is empty"),
        ("text.mp4", "not a video"),
        ("words.srt", "no video stream"),
    ):
        with pytest.raises(VideoError, match=reason) as caught:
            open_reader(tmp_path / name, backend)
        assert str(tmp_path / name) in str(caught.value)
    assert capfd.readouterr().err == ""


def test_display_order_that_is_not_stored(tmp_path: Path, encode: Write) -> None:
    path = encode(tmp_path / "old.avi", 20, bf="2")
    with pytest.raises(VideoError, match=r"old\.avi.*re-encode it as \.mp4"):
        open_reader(path, VideoBackend.PYAV)


def test_missing_libraries(videos: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = videos / "keyframes.mp4"
    monkeypatch.setitem(sys.modules, "decord", None)
    with pytest.raises(VideoError, match=r"keyframes\.mp4.*pip install decord"):
        open_reader(path, VideoBackend.DECORD)
    assert open_reader(path, VideoBackend.PYAV).num_frames == NUM_FRAMES
    monkeypatch.setitem(sys.modules, "av", None)
    with pytest.raises(VideoError, match="pip install av"):
        open_reader(path, VideoBackend.PYAV)


@pytest.mark.skipif(sys.platform == "win32", reason="Windows cannot fork")
@pytest.mark.filterwarnings("ignore:.*fork.*:DeprecationWarning")
def test_dropping_an_inherited_reader_does_not_hang(videos: Path, backend: VideoBackend) -> None:
    readers = [open_reader(videos / "keyframes.mp4", backend)]
    readers[0].read([50])
    time.sleep(0.1)  # until decord's thread waits for work: only then does freeing it hang
    child = multiprocessing.get_context("fork").Process(target=readers.clear)
    child.start()
    child.join(10)
    hung = child.is_alive()
    child.kill()
    assert not hung and child.exitcode == 0
    assert readers[0].read([51]).shape == (1, 64, 64, 3)


def test_the_frame_rate_is_that_of_the_time_stamps() -> None:
    index = PacketIndex(np.arange(0, 4000, 40), np.array([0]), 0, False, time_base_s=0.001)
    assert index.frame_rate(25.04) == 25.04
    assert index.frame_rate(26.0) == pytest.approx(25)
