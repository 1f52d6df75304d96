"""Clips of questions: the wanted frames, and what becomes of a video that cannot be read."""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction

import pytest

from llavaction.evaluation.clips import ClipDataset, make_loader
from llavaction.evaluation.config import BadVideo, TaskName
from llavaction.evaluation.schedule import make_schedule
from llavaction.sft.samples import ClipRef, Sample
from llavaction.testing.tiny import tiny_model, tiny_processor
from llavaction.utils.errors import VideoError
from llavaction.video.layout import VideoConfig, VideoLayout
from tests.evaluation.test_tasks import SAMPLE
from tests.video.numbered import encode_at


@pytest.fixture(scope="module")
def videos(tmp_path_factory: pytest.TempPathFactory) -> VideoConfig:
    """A video of 20 frames at 10 per second, and a file that is none."""
    folder = tmp_path_factory.mktemp("videos")
    encode_at(folder / "P01_01.MP4", range(20), Fraction(1, 10))
    (folder / "P01_02.MP4").write_bytes(b"no video")
    return VideoConfig(str(folder), layout=VideoLayout.WHOLE)


def samples() -> list[Sample]:
    clips = [ClipRef("P01_01", 0.0, 1.0), ClipRef("P01_02", 0.0, 1.0), ClipRef("P01_01", 1.0, 2.0)]
    return [replace(SAMPLE, sample_id=f"q/{number}", clip=clip) for number, clip in enumerate(clips)]


@pytest.mark.parametrize(("num_frames", "expected"), [(None, 2), (5, 5)])
def test_as_many_frames_as_wanted(videos: VideoConfig, num_frames: int | None, expected: int) -> None:
    processor = tiny_processor(tiny_model())
    clips = ClipDataset(samples(), videos, processor, BadVideo.FAIL, num_frames)
    loaded = clips[0]
    assert tuple(loaded.pixels.shape) == (expected, 3, 12, 12)
    assert loaded.problem is None and loaded.seconds > 0


def test_a_video_that_cannot_be_read_is_an_error_that_says_how_to_go_on(videos: VideoConfig) -> None:
    clips = ClipDataset(samples(), videos, tiny_processor(tiny_model()), BadVideo.FAIL)
    with pytest.raises(VideoError, match=r"sample 'q/1': .*P01_02\.MP4.*evaluation\.bad_video=exclude"):
        clips[1]


def test_or_a_black_clip_and_the_reason(videos: VideoConfig) -> None:
    clips = ClipDataset(samples(), videos, tiny_processor(tiny_model()), BadVideo.EXCLUDE, 3)
    loaded = clips[1]
    assert tuple(loaded.pixels.shape) == (3, 3, 12, 12) and not loaded.pixels.any()
    assert "P01_02.MP4" in str(loaded.problem)


@pytest.mark.parametrize("num_workers", [0, 2])
def test_batches_come_in_the_order_of_the_schedule(videos: VideoConfig, num_workers: int) -> None:
    asked = samples()
    schedule = make_schedule(asked, (), TaskName.MQA, 2, in_step=False)
    loader = make_loader(
        ClipDataset(schedule.samples, videos, tiny_processor(tiny_model()), BadVideo.EXCLUDE), schedule, num_workers
    )
    assert [[clip.problem is None for clip in batch] for batch in loader] == [[True, False], [True]]
