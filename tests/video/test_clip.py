"""Clips: the right frames at the right times, across chunks, and errors that name what is wrong."""

from __future__ import annotations

import multiprocessing
import pickle
import shutil
import sys
from collections.abc import Callable
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest

from llavaction.utils.errors import DataError, VideoError
from llavaction.utils.seeding import rng_for
from llavaction.video.backends import VideoBackend
from llavaction.video.clip import Clip, ClipLoader
from llavaction.video.layout import VideoConfig, VideoLayout

Write = Callable[..., Path]
Numbers = Callable[[np.ndarray], list[int]]


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory, write_numbered: Write) -> Path:
    """P01_01: chunks of 2 s at 10 fps with 20, 20, 20 and 7 frames, numbered through; and as one file."""
    folder = tmp_path_factory.mktemp("clips")
    for chunk, length in enumerate([20, 20, 20, 7]):
        write_numbered(folder / "P01" / "P01_01.MP4" / f"{2 * chunk}.MP4", length, first=20 * chunk)
    write_numbered(folder / "whole" / "P01_01.MP4", 67)
    return folder


@pytest.fixture
def folder(made: Path, tmp_path: Path) -> Path:
    """A copy that a test may change."""
    return Path(shutil.copytree(made, tmp_path / "copy"))


def make_loader(folder: Path, backend: VideoBackend = VideoBackend.PYAV, **options: object) -> ClipLoader:
    return ClipLoader(VideoConfig(str(folder), backend=backend, chunk_s=2.0, **options))  # type: ignore[arg-type]


def chunk(folder: Path, start_s: int) -> Path:
    return folder / "P01" / "P01_01.MP4" / f"{start_s}.MP4"


def test_frames_and_times(made: Path, backend: VideoBackend, numbers_in: Numbers) -> None:
    loader = make_loader(made, backend)
    clip = loader.load("P01_01", 0.5, 1.5, num_frames=5)
    assert numbers_in(clip.frames) == [6, 8, 10, 12, 14]
    assert clip.frames.shape == (5, 64, 64, 3) and clip.frames.dtype == np.uint8
    assert clip.times_s.dtype == np.float64
    np.testing.assert_allclose(clip.times_s, [0.6, 0.8, 1.0, 1.2, 1.4])
    # Across three chunks, in the middle of the video.
    clip = loader.load("P01_01", 1.5, 4.5, num_frames=30)
    assert numbers_in(clip.frames) == list(range(15, 45))
    np.testing.assert_allclose(clip.times_s, np.arange(15, 45) / 10)


def test_the_number_of_frames_is_always_kept(made: Path, numbers_in: Numbers) -> None:
    loader = make_loader(made)
    assert len(loader.load("P01_01", 0, 5).frames) == 16
    assert numbers_in(loader.load("P01_01", 1.9, 2.1, num_frames=6).frames) == [19] * 3 + [20] * 3
    assert numbers_in(loader.load("P01_01", 3.01, 3.02, num_frames=4).frames) == [30] * 4
    assert numbers_in(loader.load("P01_01", 0, 6.7, num_frames=1).frames) == [33]
    with pytest.raises(VideoError, match="num_frames is 0"):
        loader.load("P01_01", 0, 1, num_frames=0)


def test_jitter_comes_from_the_generator_alone(made: Path, numbers_in: Numbers) -> None:
    loader = make_loader(made, num_frames=4)
    drawn = [numbers_in(loader.load("P01_01", 1, 5, rng=rng_for(seed)).frames) for seed in (3, 3, 4)]
    assert drawn[0] == drawn[1] != drawn[2]
    for numbers in drawn:
        assert all(10 + 10 * part <= number < 20 + 10 * part for part, number in enumerate(numbers))


def test_the_end_is_clipped(made: Path, backend: VideoBackend, numbers_in: Numbers) -> None:
    loader = make_loader(made, backend)
    for stop_s in (6.7, 6.75, 7.7):
        assert numbers_in(loader.load("P01_01", 5.7, stop_s, num_frames=10).frames) == list(range(57, 67))
    assert numbers_in(loader.load("P01_01", 6.6, 7.0, num_frames=2).frames) == [66, 66]
    with pytest.raises(VideoError, match=r"P01_01, 5\.7 s to 7\.8 s: .*6\.MP4: .* ends at 6\.70 s, 1\.10 s before"):
        loader.load("P01_01", 5.7, 7.8)
    for start_s, file in ((6.7, "6"), (6.9, "6"), (8.5, "6"), (500.0, "6")):
        with pytest.raises(VideoError, match=rf"{file}\.MP4: the video ends at 6\.70 s.*before the segment starts"):
            loader.load("P01_01", start_s, start_s + 1)


def test_the_end_may_lie_on_a_chunk_border(folder: Path, numbers_in: Numbers) -> None:
    chunk(folder, 6).unlink()
    assert numbers_in(make_loader(folder).load("P01_01", 5.5, 6.5, num_frames=5).frames) == list(range(55, 60))
    with pytest.raises(VideoError, match=r"4\.MP4: the video ends at 6\.00 s"):
        make_loader(folder).load("P01_01", 6, 7)


@pytest.mark.parametrize("times", [(1.0, 1.0), (2.0, 1.0), (-0.1, 1.0), (float("nan"), 1.0), (0.0, float("inf"))])
def test_nonsense_times(made: Path, times: tuple[float, float]) -> None:
    with pytest.raises(VideoError, match=r"video P01_01, .* need 0 <= start < stop"):
        make_loader(made).load("P01_01", *times)


def test_a_missing_chunk(folder: Path, numbers_in: Numbers) -> None:
    chunk(folder, 2).unlink()
    loader = make_loader(folder)
    for start_s, stop_s in ((1.0, 3.0), (2.5, 3.5), (1.0, 5.0), (2.5, 5.0)):
        with pytest.raises(VideoError, match=r"2\.MP4: this chunk is missing, while 6\.MP4 exists"):
            loader.load("P01_01", start_s, stop_s)
    assert numbers_in(loader.load("P01_01", 4.0, 4.4, num_frames=4).frames) == [40, 41, 42, 43]


@pytest.mark.parametrize("missing", [1, 3])
def test_a_chunk_that_lacks_a_few_frames(
    folder: Path, missing: int, write_numbered: Write, numbers_in: Numbers
) -> None:
    write_numbered(chunk(folder, 2), 20 - missing, first=20)
    expected = [*range(30, 40 - missing), *[39 - missing] * missing, *range(40, 45)]
    clip = make_loader(folder).load("P01_01", 3.0, 4.5, num_frames=15)
    assert numbers_in(clip.frames) == expected
    np.testing.assert_allclose(clip.times_s, np.array(expected) / 10)
    assert numbers_in(make_loader(folder).load("P01_01", 3.9, 4.0, num_frames=2).frames) == [39 - missing] * 2


def test_a_chunk_that_was_cut_off(folder: Path, write_numbered: Write, numbers_in: Numbers) -> None:
    write_numbered(chunk(folder, 2), 16, first=20)
    loader = make_loader(folder)
    for stop_s in (4.0, 4.5):
        with pytest.raises(VideoError, match=r"2\.MP4: frame 19 is needed .* only 16 frames \(1\.60 s\)"):
            loader.load("P01_01", 3.0, stop_s, num_frames=15)
    assert numbers_in(loader.load("P01_01", 3.0, 3.6, num_frames=6).frames) == list(range(30, 36))


def test_frames_beyond_a_chunks_share(folder: Path, write_numbered: Write, numbers_in: Numbers) -> None:
    write_numbered(chunk(folder, 2), 22, first=20)
    clip = make_loader(folder).load("P01_01", 3.5, 4.5, num_frames=10)
    assert numbers_in(clip.frames) == list(range(35, 45))
    write_numbered(chunk(folder, 6), 22, first=60)
    clip = make_loader(folder).load("P01_01", 7.5, 8.1, num_frames=5)
    assert numbers_in(clip.frames) == list(range(75, 80))


def test_the_rate_is_the_files_own(folder: Path, write_numbered: Write, numbers_in: Numbers) -> None:
    for start_s in (0, 2):
        write_numbered(chunk(folder, start_s), 50, first=25 * start_s, fps=25)
    clip = make_loader(folder).load("P01_01", 1.8, 2.2, num_frames=10)
    assert numbers_in(clip.frames) == list(range(45, 55))
    np.testing.assert_allclose(clip.times_s, np.arange(45, 55) / 25)
    with pytest.raises(VideoError, match=r"4\.MP4: has 10 frames per second, the first chunk 25"):
        make_loader(folder).load("P01_01", 3.5, 4.5)


def test_a_rate_without_whole_chunks(folder: Path, write_numbered: Write, numbers_in: Numbers) -> None:
    rate = Fraction(30000, 1001)  # 59.94 frames per chunk: chunks begin with frames 0, 60, 120
    for chunk_idx in range(3):
        write_numbered(chunk(folder, 2 * chunk_idx), 60, first=60 * chunk_idx, fps=rate)
    clip = make_loader(folder).load("P01_01", 1.9, 4.1, num_frames=66)
    assert numbers_in(clip.frames) == list(range(57, 123))


def test_another_picture_size(folder: Path, write_numbered: Write) -> None:
    write_numbered(chunk(folder, 2), 20, first=20, size=96)
    with pytest.raises(VideoError, match=r"2\.MP4: pictures are \(96, 96\)"):
        make_loader(folder).load("P01_01", 1.0, 3.0)


def test_wrong_chunk_length(made: Path) -> None:
    loader = ClipLoader(VideoConfig(str(made), chunk_s=4.0))
    with pytest.raises(VideoError, match=r"begins at no multiple of 4 s; set video\.chunk_s"):
        loader.load("P01_01", 1.0, 3.0)


def test_whole_files(made: Path, backend: VideoBackend, numbers_in: Numbers) -> None:
    loader = make_loader(made / "whole", backend, layout=VideoLayout.WHOLE)
    assert numbers_in(loader.load("P01_01", 1.5, 4.5, num_frames=30).frames) == list(range(15, 45))
    assert numbers_in(loader.load("P01_01", 5.7, 7.7, num_frames=10).frames) == list(range(57, 67))
    with pytest.raises(VideoError, match=r"P01_01\.MP4: the video ends at 6\.70 s"):
        loader.load("P01_01", 7.0, 7.5)


def test_one_file_anywhere(made: Path, tmp_path: Path, numbers_in: Numbers) -> None:
    loader = make_loader(tmp_path)
    path = made / "whole" / "P01_01.MP4"
    assert numbers_in(loader.load_file(path, num_frames=67).frames) == list(range(67))
    assert numbers_in(loader.load_file(path, 6.2, num_frames=5).frames) == list(range(62, 67))
    assert numbers_in(loader.load_file(path, stop_s=0.4, num_frames=4, rng=rng_for(0)).frames) == [0, 1, 2, 3]
    with pytest.raises(VideoError, match=r"6\.2 s to 9 s: .*P01_01\.MP4: the video ends"):
        loader.load_file(path, 6.2, 9)
    with pytest.raises(VideoError, match=r"absent\.mp4: no such file"):
        loader.load_file(tmp_path / "absent.mp4")
    with pytest.raises(VideoError, match=r"absent\.mp4: no such file"):
        loader.load_file(tmp_path / "absent.mp4", 0, 1)


def test_damaged_file(real_videos: Path, backend: VideoBackend) -> None:
    loader = make_loader(real_videos, backend, layout=VideoLayout.WHOLE)
    with pytest.raises(VideoError, match=r"video corrupted, 0 s to 5 s: .*corrupted\.mp4: cannot be decoded"):
        loader.load("corrupted", 0, 5)


def test_names_cannot_leave_the_folder(made: Path) -> None:
    loader = make_loader(made / "whole")
    with pytest.raises(DataError, match="would leave"):
        loader.load("../P01/P01_01", 0, 1)


def test_files_are_opened_once(made: Path, backend: VideoBackend) -> None:
    loader = make_loader(made, backend)
    for start in range(12):
        loader.load("P01_01", start / 2, start / 2 + 0.7, num_frames=4)
    assert loader.readers.num_opened == 4
    small = make_loader(made, backend, max_open_readers=2)
    for _ in range(3):
        small.load("P01_01", 1.5, 2.5, num_frames=4)
    assert small.readers.num_opened == 2
    small.load("P01_01", 4.5, 5.5, num_frames=4)
    small.load("P01_01", 0.5, 1.5, num_frames=4)
    assert small.readers.num_opened == 4


def test_loaders_can_be_pickled(made: Path, backend: VideoBackend) -> None:
    loader = make_loader(made, backend)
    before = loader.load("P01_01", 1.5, 2.5)
    copy = pickle.loads(pickle.dumps(loader))
    assert copy.config == loader.config
    assert copy.readers.num_opened == 0
    np.testing.assert_array_equal(copy.load("P01_01", 1.5, 2.5).frames, before.frames)


def _load_and_check(loader: ClipLoader, expected: Clip) -> None:
    for _ in range(2):
        np.testing.assert_array_equal(loader.load("P01_01", 1.5, 2.5).frames, expected.frames)
    assert loader.readers.num_opened == 4  # the parent's two, and two of its own


@pytest.mark.skipif(sys.platform == "win32", reason="Windows cannot fork")
@pytest.mark.filterwarnings("ignore:.*fork.*:DeprecationWarning")
def test_forked_children_open_their_own_files(made: Path, backend: VideoBackend) -> None:
    loader = make_loader(made, backend)
    expected = loader.load("P01_01", 1.5, 2.5)
    context = multiprocessing.get_context("fork")
    children = [context.Process(target=_load_and_check, args=(loader, expected)) for _ in range(2)]
    for child in children:
        child.start()
    for child in children:
        child.join(10)
        child.kill()
    assert [child.exitcode for child in children] == [0, 0]
    np.testing.assert_array_equal(loader.load("P01_01", 1.5, 2.5).frames, expected.frames)
