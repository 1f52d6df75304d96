"""Frames as pictures, and why there are none."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from llavaction.reports.audit.frames import _to_jpeg, load_strip
from llavaction.sft.samples import ClipRef, MediaKind, MediaRef
from llavaction.video.clip import ClipLoader
from llavaction.video.layout import VideoConfig
from tests.reports.audit.conftest import sample


@pytest.fixture(scope="module")
def clips(videos: Path) -> ClipLoader:
    return ClipLoader(VideoConfig(str(videos), chunk_s=2.0))


def pixels(jpeg: bytes) -> np.ndarray:
    return np.asarray(Image.open(io.BytesIO(jpeg)).convert("RGB"))


def test_frames_are_those_of_the_clip_in_order(clips: ClipLoader) -> None:
    strip = load_strip(sample(1), clips, 6, 288)
    expected = clips.load("P01_01", 0.5, 2.5, num_frames=6)

    assert strip.note == ""
    assert len(strip.frames) == 6
    for frame, image, time_s in zip(strip.frames, expected.frames, expected.times_s, strict=True):
        assert pixels(frame.jpeg).shape == (48, 64, 3)
        assert np.abs(pixels(frame.jpeg).astype(int) - image).mean() < 6
        assert frame.time_s == pytest.approx(time_s - 0.5)
        assert frame.data_uri.startswith("data:image/jpeg;base64,/9j/")


@pytest.mark.parametrize(
    ("shape", "size"), [((1080, 1920), (162, 288)), ((640, 320), (288, 144)), ((64, 64), (64, 64))]
)
def test_large_frames_shrink_and_keep_their_proportions(shape: tuple[int, int], size: tuple[int, int]) -> None:
    image = np.random.default_rng(0).integers(0, 255, (*shape, 3), np.uint8)

    assert pixels(_to_jpeg(image, 288)).shape == (*size, 3)


def test_a_bad_clip_gives_a_note_that_names_it(clips: ClipLoader, tmp_path: Path) -> None:
    late = load_strip(sample(0, clip=ClipRef("P01_01", 100.0, 101.0)), clips, 6, 288)
    lost = load_strip(sample(0, clip=ClipRef("P09_09", 0.0, 1.0)), clips, 6, 288)
    escaping = load_strip(sample(0, clip=ClipRef("../secrets", 0.0, 1.0)), clips, 6, 288)
    broken = tmp_path / "P01" / "P01_01.MP4" / "0.MP4"
    broken.parent.mkdir(parents=True)
    broken.write_bytes(b"no video" * 100)
    garbled = load_strip(sample(0), ClipLoader(VideoConfig(str(tmp_path))), 6, 288)

    assert late.note.startswith("video P01_01, 100 s to 101 s: ")
    assert "P09_09.MP4: no folder of chunks for video 'P09_09'" in lost.note
    assert "not a plain file name" in escaping.note
    assert str(broken) in garbled.note
    assert {strip.frames for strip in (late, lost, escaping, garbled)} == {()}


def test_without_videos_the_note_says_how_to_give_them() -> None:
    assert load_strip(sample(0), None, 6, 288).note == "no videos were given; draw again with paths.videos=FOLDER"


def test_whole_files_are_named(clips: ClipLoader) -> None:
    media = (MediaRef(MediaKind.VIDEO, "kitchen/a.mp4"), MediaRef(MediaKind.IMAGE, "b.png"))
    shown = load_strip(sample(0, clip=None, media=media), clips, 6, 288)

    assert shown.note == "the question shows whole files, not a clip: kitchen/a.mp4, b.png"
    assert load_strip(sample(0, clip=None), clips, 6, 288).note == "nothing is shown"
