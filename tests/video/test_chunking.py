"""Chunks: the right frames of any source, small, complete, and the same bytes however often a run is stopped."""

from __future__ import annotations

import json
import struct
from collections.abc import Callable, Iterable
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest

from llavaction.utils.errors import ConfigError, DataError, VideoError
from llavaction.video.backends import VideoBackend, open_reader
from llavaction.video.chunking import ChunkingConfig, chunk_video
from llavaction.video.clip import ClipLoader
from llavaction.video.encoding import write_h264
from llavaction.video.layout import VideoConfig
from llavaction.video.scaling import scaled_size
from tests.video.numbered import encode_at

pytestmark = pytest.mark.thorough

Numbers = Callable[[np.ndarray], list[int]]
SMALL = ChunkingConfig(chunk_s=2)
EVERY_MS = Fraction(1, 1000)


def chunks_of(folder: Path, video_id: str = "P01_01") -> list[Path]:
    home = folder / video_id.split("_")[0] / f"{video_id}.MP4"
    return sorted((path for path in home.glob("[0-9]*.MP4")), key=lambda path: int(path.stem))


def all_numbers(folder: Path, numbers_in: Numbers) -> list[int]:
    frames = [open_reader(path, VideoBackend.PYAV) for path in chunks_of(folder)]
    return [number for reader in frames for number in numbers_in(reader.read(range(reader.num_frames)))]


def content(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file()}


@pytest.mark.parametrize(
    "wrong",
    [
        {"short_side": 321},
        {"short_side": 0},
        {"fps": 0},
        {"chunk_s": 0},
        {"keyframe_interval": 0},
        {"crf": 52},
        {"preset": "fastest"},
        {"extension": ".txt"},
        {"max_gap_s": 0.0},
    ],
)
def test_config_is_checked(wrong: dict[str, Any]) -> None:
    (name,) = wrong
    with pytest.raises(ConfigError, match=name):
        ChunkingConfig(**wrong)


@pytest.mark.parametrize("rate", [Fraction(60000, 1001), Fraction(50), Fraction(30000, 1001), Fraction(25)])
def test_frames_at_their_times(tmp_path: Path, rate: Fraction, numbers_in: Numbers) -> None:
    source = encode_at(tmp_path / "P01_01.mp4", range(int(5 * rate)), 1 / rate)

    chunked = chunk_video("P01_01", source, tmp_path / "out", SMALL)

    expected_frames = round(int(5 * rate) / rate * 30)
    assert (chunked.num_frames, chunked.num_new_chunks) == (expected_frames, 3)
    assert [path.name for path in chunks_of(tmp_path / "out")] == ["0.MP4", "2.MP4", "4.MP4"]
    numbers = all_numbers(tmp_path / "out", numbers_in)
    assert len(numbers) == expected_frames
    assert all(abs(number / rate - Fraction(idx, 30)) <= 1 / (2 * rate) for idx, number in enumerate(numbers[:-1]))
    # The clip loader finds them by their times, also across chunks.
    clip = ClipLoader(VideoConfig(str(tmp_path / "out"), chunk_s=2.0)).load("P01_01", 1.5, 2.5, num_frames=10)
    found = numbers_in(clip.frames)
    assert np.abs(np.array(found) / float(rate) - clip.times_s).max() <= 0.5 / float(rate) + 1e-6


def test_a_source_of_changing_rate(tmp_path: Path, numbers_in: Numbers) -> None:
    times = [0, 20, 100, 110, 400, 433, 466, 1000, 1500, 1510]
    source = encode_at(tmp_path / "P01_01.mkv", times, EVERY_MS)

    chunk_video("P01_01", source, tmp_path / "out", ChunkingConfig(chunk_s=1))

    numbers = all_numbers(tmp_path / "out", numbers_in)
    for idx, number in enumerate(numbers):
        moment = idx * 1000 / 30
        assert abs(times[number] - moment) == min(abs(time - moment) for time in times)


def test_files_that_begin_late(tmp_path: Path, numbers_in: Numbers) -> None:
    source = encode_at(tmp_path / "P01_01.mkv", range(90, 150), Fraction(1, 30))
    assert chunk_video("P01_01", source, tmp_path / "out", SMALL).num_frames == 60
    assert all_numbers(tmp_path / "out", numbers_in) == list(range(60))


def test_what_is_in_a_chunk(tmp_path: Path) -> None:
    source = encode_at(tmp_path / "P01_01.mp4", range(100), Fraction(1, 30), width=640, height=480, sound=True)
    chunk_video("P01_01", source, tmp_path / "out", ChunkingConfig(short_side=320, keyframe_interval=10))
    (chunk,) = chunks_of(tmp_path / "out")
    with av.open(str(chunk)) as container:
        assert [stream.type for stream in container.streams] == ["video"]
        stream = container.streams.video[0]
        assert (stream.width, stream.height, stream.codec_context.name) == (426, 320, "h264")
        assert (stream.average_rate, stream.pix_fmt) == (30, "yuv420p")
        keyframes = [idx for idx, frame in enumerate(container.decode(stream)) if frame.key_frame]
    assert keyframes == list(range(0, 100, 10))


@pytest.mark.parametrize(
    ("size", "short_side", "scaled"),
    [
        ((1920, 1080), 320, (568, 320)),
        ((1080, 1920), 512, (512, 910)),
        ((1920, 1440), 320, (426, 320)),
        ((456, 256), 320, (456, 256)),
        ((320, 241), 320, (320, 240)),
        ((641, 481), 512, (640, 480)),
        ((3, 3), 2, (2, 2)),
    ],
)
def test_sizes(size: tuple[int, int], short_side: int, scaled: tuple[int, int]) -> None:
    assert scaled_size(*size, short_side) == scaled


def test_odd_sources_become_even(tmp_path: Path, numbers_in: Numbers) -> None:
    source = encode_at(tmp_path / "P01_01.mp4", range(40), Fraction(1, 30), width=161, height=121, pix_fmt="yuv444p")
    chunk_video("P01_01", source, tmp_path / "out", SMALL)
    reader = open_reader(chunks_of(tmp_path / "out")[0], VideoBackend.PYAV)
    assert (reader.width, reader.height) == (160, 120)
    assert numbers_in(reader.read(range(40))) == list(range(40))


@pytest.mark.parametrize(("matrix", "turns"), [((0, 1, -1, 0), 3), ((-1, 0, 0, -1), 2), ((0, -1, 1, 0), 1)])
def test_rotation_is_applied(tmp_path: Path, matrix: tuple[int, int, int, int], turns: int) -> None:
    picture = np.zeros((64, 128, 3), dtype=np.uint8)
    picture[:32, :64, 0] = picture[32:, 64:, 2] = 255
    source = tmp_path / "P01_01.mp4"
    write_h264(source, [picture] * 3, 30)
    data = bytearray(source.read_bytes())
    place = data.index(b"tkhd") + 44  # the matrix of a version 0 track header (ISO/IEC 14496-12, 8.3.2)
    a, b, c, d = (value << 16 for value in matrix)
    data[place : place + 36] = struct.pack(">9i", a, b, 0, c, d, 0, 0, 0, 1 << 30)
    source.write_bytes(data)

    chunk_video("P01_01", source, tmp_path / "out", SMALL)

    frame = open_reader(chunks_of(tmp_path / "out")[0], VideoBackend.PYAV).read([1])[0].astype(int)
    upright = open_reader(source, VideoBackend.PYAV).read([1])[0].astype(int)
    assert frame.shape == upright.shape == np.rot90(picture, turns).shape
    assert np.abs(frame - np.rot90(picture, turns)).mean() < 6
    assert np.abs(frame - upright).mean() < 3


@pytest.mark.parametrize(
    ("pix_fmt", "colorspace", "color_range"),
    [("yuv420p", 2, 0), ("yuv420p", 1, 1), ("yuv420p", 5, 1), ("yuvj420p", 1, 2), ("yuvj420p", 5, 2)],
)
def test_colours_stay_what_they_are(tmp_path: Path, pix_fmt: str, colorspace: int, color_range: int) -> None:
    rows, columns = np.mgrid[:96, :128]
    waves = [np.sin(columns / 17 + rows / 20), np.cos(columns / 19), np.sin(rows / 13)]
    picture = np.stack([127 + 110 * wave for wave in waves], axis=-1).astype(np.uint8)
    source = tmp_path / "P01_01.mp4"
    with av.open(str(source), "w") as container:
        stream = container.add_stream("libx264", rate=30)
        stream.width, stream.height, stream.pix_fmt, stream.options = 128, 96, pix_fmt, {"crf": "1"}
        stream.codec_context.colorspace, stream.codec_context.color_range = colorspace, color_range
        for _ in range(5):
            frame = av.VideoFrame.from_ndarray(picture, format="rgb24").reformat(
                format=pix_fmt,
                dst_colorspace=None if colorspace == 2 else colorspace,
                src_color_range=2,
                dst_color_range=color_range or None,
            )
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))

    chunk_video("P01_01", source, tmp_path / "out", ChunkingConfig(crf=1))

    before, after = (
        open_reader(path, VideoBackend.PYAV).read([2])[0].astype(int) for path in (source, *chunks_of(tmp_path / "out"))
    )
    assert np.abs(before - picture).mean() < 3
    assert np.abs(after - before).mean() < 1.5
    assert np.abs((after - before).mean(axis=(0, 1))).max() < 1.5


def test_a_finished_video_is_left_alone(tmp_path: Path) -> None:
    source = encode_at(tmp_path / "P01_01.mp4", range(150), Fraction(1, 30))
    first = chunk_video("P01_01", source, tmp_path / "out", SMALL)
    before = {path: path.stat().st_mtime_ns for path in (tmp_path / "out").rglob("*")}
    assert chunk_video("P01_01", source, tmp_path / "out", SMALL).num_new_chunks == 0
    assert chunk_video("P01_01", source, tmp_path / "out", SMALL).num_frames == first.num_frames == 150
    assert {path: path.stat().st_mtime_ns for path in (tmp_path / "out").rglob("*")} == before


def test_a_stopped_video_goes_on(tmp_path: Path) -> None:
    source = encode_at(tmp_path / "P01_01.mp4", range(200), Fraction(1, 30))
    chunk_video("P01_01", source, tmp_path / "whole", SMALL)
    chunk_video("P01_01", source, tmp_path / "out", SMALL)
    home = tmp_path / "out" / "P01" / "P01_01.MP4"
    record = home / ".source.json"
    known = json.loads(record.read_text())
    record.write_text(json.dumps({"source": known["source"], "source_bytes": known["source_bytes"]}))
    kept = (home / "0.MP4").stat().st_mtime_ns
    (home / "2.MP4").unlink()
    (home / "6.MP4").unlink()
    (home / ".123.2.MP4").write_bytes(b"half a chunk")

    assert chunk_video("P01_01", source, tmp_path / "out", SMALL).num_new_chunks == 2

    assert content(tmp_path / "out") == content(tmp_path / "whole")
    assert (home / "0.MP4").stat().st_mtime_ns == kept


def test_chunks_of_another_source_are_written_anew(tmp_path: Path) -> None:
    short = encode_at(tmp_path / "a" / "P01_01.mp4", range(100), Fraction(1, 30))
    long = encode_at(tmp_path / "b" / "P01_01.mp4", range(200), Fraction(1, 30))
    chunk_video("P01_01", long, tmp_path / "out", SMALL)
    assert chunk_video("P01_01", short, tmp_path / "out", SMALL).num_new_chunks == 2
    assert len(chunks_of(tmp_path / "out")) == 2


def test_chunks_of_unknown_origin_are_refused(tmp_path: Path) -> None:
    source = encode_at(tmp_path / "P01_01.mp4", range(30), Fraction(1, 30))
    foreign = tmp_path / "out" / "P01" / "P01_01.MP4" / "0.MP4"
    foreign.parent.mkdir(parents=True)
    foreign.write_bytes(b"somebody's")
    with pytest.raises(DataError, match=r"0\.MP4: a chunk that this program did not write"):
        chunk_video("P01_01", source, tmp_path / "out", SMALL)
    assert foreign.read_bytes() == b"somebody's"


def cut(path: Path, share: float) -> Path:
    data = path.read_bytes()
    path.write_bytes(data[: int(len(data) * share)])
    return path


def front_index(path: Path) -> Path:
    """Move an mp4 file's index to its front, so that a cut file still opens."""
    target = path.with_name(f"front_{path.name}")
    with av.open(str(path)) as container, av.open(str(target), "w", options={"movflags": "faststart"}) as output:
        stream = container.streams.video[0]
        copied = output.add_stream_from_template(stream)
        for packet in container.demux(stream):
            if packet.dts is not None:
                packet.stream = copied
                output.mux(packet)
    return target


def broken(folder: Path) -> Iterable[tuple[Path, str]]:
    fine = range(0, 6000, 33)
    yield cut(encode_at(folder / "cut.mp4", range(200), Fraction(1, 30)), 0.6), "not a video that FFmpeg can open"
    yield (
        cut(front_index(encode_at(folder / "i.mp4", range(200), Fraction(1, 30))), 0.6),
        "cannot be decoded|ends after",
    )
    yield cut(encode_at(folder / "cut.mkv", fine, EVERY_MS), 0.6), r"ends after .* its header says 5\.9"
    yield encode_at(folder / "gap.mkv", [0, 33, 66, 1500, 1533], EVERY_MS), r"no picture for 1\.43 s after 0\.07 s"


def test_broken_sources(tmp_path: Path) -> None:
    for number, (source, reason) in enumerate(broken(tmp_path)):
        with pytest.raises(VideoError, match=reason) as caught:
            chunk_video(f"P01_{number}", source, tmp_path / "out", SMALL)
        assert str(source) in str(caught.value)
        record = tmp_path / "out" / "P01" / f"P01_{number}.MP4" / ".source.json"
        assert "num_frames" not in json.loads(record.read_text())
        assert not list(record.parent.glob(".*.MP4"))


def test_a_longer_gap_may_be_allowed(tmp_path: Path, numbers_in: Numbers) -> None:
    source = encode_at(tmp_path / "P01_01.mkv", [0, 33, 66, 1500, 1533], EVERY_MS)
    chunk_video("P01_01", source, tmp_path / "out", ChunkingConfig(max_gap_s=2))
    numbers = all_numbers(tmp_path / "out", numbers_in)
    assert (numbers[23], numbers[24]) == (2, 3)  # 0.767 s and 0.8 s; the middle of the gap is at 0.783 s


def test_real_videos(tmp_path: Path, real_videos: Path) -> None:
    source = real_videos / "flipping_a_pancake.mkv"
    assert chunk_video("pancake", source, tmp_path, ChunkingConfig()).num_frames == 310
    (chunk,) = chunks_of(tmp_path, "pancake")
    ours, theirs = (open_reader(path, VideoBackend.PYAV).read([0, 100, 309]).astype(int) for path in (chunk, source))
    assert np.abs(ours - theirs).mean() < 4
    with pytest.raises(VideoError, match=r"corrupted\.mp4: cannot be decoded"):
        chunk_video("corrupted", real_videos / "corrupted.mp4", tmp_path, ChunkingConfig())
