from __future__ import annotations

import io
import os
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from llavaction.api.frames import FrameStore, encode_jpeg
from llavaction.utils.errors import DataError, VideoError
from llavaction.video.encoding import write_h264
from llavaction.video.layout import VideoConfig, VideoLayout
from tests.api.worlds import FPS, HEIGHT, SEGMENTS, WIDTH, make_config, make_segment, write_video

FILE = "P01/P01_01.MP4"


def decoded(data: bytes) -> np.ndarray:
    return np.asarray(Image.open(io.BytesIO(data)))


@pytest.mark.parametrize(
    ("short_side", "size"), [(HEIGHT, (HEIGHT, WIDTH)), (512, (HEIGHT, WIDTH)), (32, (32, 48)), (17, (17, 26))]
)
def test_frames_are_reduced_and_never_enlarged(short_side: int, size: tuple[int, int]) -> None:
    frame = np.full((HEIGHT, WIDTH, 3), (200, 30, 90), np.uint8)
    image = decoded(encode_jpeg(frame, short_side, 90))

    assert image.shape == (*size, 3)
    assert np.abs(image.astype(int) - (200, 30, 90)).max() < 8


def test_quality_decides_the_size() -> None:
    frame = np.random.default_rng(0).integers(0, 255, (HEIGHT, WIDTH, 3), np.uint8)

    assert len(encode_jpeg(frame, 64, 20)) < len(encode_jpeg(frame, 64, 90))


def test_the_middle_frames_are_loaded(tmp_path: Path, video: VideoConfig) -> None:
    store = FrameStore(make_config(tmp_path, num_frames=2, jpeg_quality=95), video)
    hashes, jpegs = store.load(SEGMENTS[2])
    # Two seconds of 5 frames each from frame 20: the middles of both halves are 22 and 27.
    levels = [decoded(jpegs[digest])[:, 0].mean() for digest in hashes]

    assert levels == pytest.approx([22, 27], abs=1.5)


def test_hashes_are_known_without_decoding(tmp_path: Path, video: VideoConfig) -> None:
    config = make_config(tmp_path)
    assert FrameStore(config, video).known_hashes(SEGMENTS[0]) is None
    hashes, _ = FrameStore(config, video).load(SEGMENTS[0])
    store = FrameStore(config, video)

    assert store.known_hashes(SEGMENTS[0]) == hashes
    assert store.loader.readers.num_opened == 0
    assert store.known_hashes(SEGMENTS[1]) is None


@pytest.mark.parametrize("field", [{"num_frames": 3}, {"short_side": 32}, {"jpeg_quality": 50}])
def test_they_are_not_those_of_other_settings(tmp_path: Path, video: VideoConfig, field: dict[str, int]) -> None:
    FrameStore(make_config(tmp_path), video).load(SEGMENTS[0])

    assert FrameStore(make_config(tmp_path, **field), video).known_hashes(SEGMENTS[0]) is None


def test_a_file_that_changed_is_decoded_again(tmp_path: Path) -> None:
    video, config = write_video(tmp_path, seconds=4), make_config(tmp_path)
    before, _ = FrameStore(config, video).load(SEGMENTS[0])
    write_h264(tmp_path / FILE, (np.zeros((HEIGHT, WIDTH, 3), np.uint8) for _ in range(4 * FPS)), FPS)

    assert FrameStore(config, video).known_hashes(SEGMENTS[0]) is None
    after, _ = FrameStore(config, video).load(SEGMENTS[0])
    assert before != after
    assert FrameStore(config, video).known_hashes(SEGMENTS[0]) == after


def test_a_copy_has_the_same_hashes(tmp_path: Path) -> None:
    video, config = write_video(tmp_path, seconds=4), make_config(tmp_path)
    before, _ = FrameStore(config, video).load(SEGMENTS[0])
    os.utime(tmp_path / FILE, ns=(1, 1))

    assert FrameStore(config, video).known_hashes(SEGMENTS[0]) is None
    assert FrameStore(config, video).load(SEGMENTS[0])[0] == before


def test_the_next_chunk_belongs_to_a_clip_that_may_end_in_it(tmp_path: Path) -> None:
    frames = [np.zeros((HEIGHT, WIDTH, 3), np.uint8)] * 15 * FPS
    chunks = [tmp_path / "P01" / "P01_01.MP4" / f"{start_s}.MP4" for start_s in (0, 15)]
    write_h264(chunks[0], frames, FPS)
    store = FrameStore(make_config(tmp_path), VideoConfig(str(tmp_path)))
    segment = make_segment(0, start_s=13.0, stop_s=14.99)
    store.load(segment)
    assert store.known_hashes(segment) is not None
    write_h264(chunks[1], frames, FPS)

    assert store.known_hashes(segment) is None


def test_a_file_of_its_own_is_found_for_each_segment(tmp_path: Path) -> None:
    for number in range(2):
        frames = [np.full((HEIGHT, WIDTH, 3), 60 + 100 * number, np.uint8)] * 2 * FPS
        write_h264(tmp_path / "P01" / f"P01_01_{number}.MP4", frames, FPS)
    store = FrameStore(make_config(tmp_path), VideoConfig(str(tmp_path), layout=VideoLayout.SEGMENTS))
    first, _ = store.load(SEGMENTS[0])

    assert store.known_hashes(SEGMENTS[0]) == first
    assert store.load(SEGMENTS[1])[0] != first


def test_a_missing_video_is_an_error_at_once(tmp_path: Path, video: VideoConfig) -> None:
    with pytest.raises(VideoError, match="P09_01"):
        FrameStore(make_config(tmp_path), video).known_hashes(make_segment(0, video_id="P09_01"))


def test_a_broken_file_of_hashes_is_named(tmp_path: Path, video: VideoConfig) -> None:
    store = FrameStore(make_config(tmp_path), video)
    store.load(SEGMENTS[0])
    (path,) = store.folder.rglob("*.json")
    path.write_text('{"sha256": [1]}')

    with pytest.raises(DataError, match=path.name):
        store.known_hashes(SEGMENTS[0])
