"""Frame sampling: the reference's indices, and what holds for any segment."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from llavaction.utils.errors import VideoError
from llavaction.utils.seeding import rng_for
from llavaction.video.sampling import jittered_frames, middle_frames

segments = st.tuples(st.integers(0, 10**6), st.integers(0, 10**5), st.integers(1, 128))


def test_short_segments_repeat_frames() -> None:
    assert middle_frames(100, 101, 8) == [100] * 8
    assert middle_frames(7, 7, 3) == [7] * 3
    assert middle_frames(10, 12, 4) == [10, 10, 11, 11]


def test_middles_of_parts() -> None:
    assert middle_frames(0, 8, 4) == [1, 3, 5, 7]
    assert middle_frames(5, 11, 3) == [6, 8, 10]


def test_middles_equal_the_reference(oracle: Path) -> None:
    examples = json.loads((oracle / "frame_ids.json").read_text())["nojitter"]
    assert len(examples) == 10
    for example in examples:
        assert middle_frames(example["start"], example["end"], example["n"]) == example["ids"]


def test_jitter_equals_the_reference(oracle: Path) -> None:
    examples = json.loads((oracle / "frame_ids.json").read_text())["jitter_sequential_from_seed"]
    assert {example["seed"] for example in examples} == {123}
    # The reference draws from NumPy's old global generator, all examples in turn.
    twister = np.random.MT19937()
    twister.state = np.random.RandomState(123).get_state(legacy=False)  # type: ignore[assignment]
    rng = np.random.Generator(twister)
    for example in examples:
        assert jittered_frames(example["start"], example["end"], example["n"], rng) == example["ids"]


@given(segments)
def test_middles_stay_inside_and_in_order(segment: tuple[int, int, int]) -> None:
    start, length, count = segment
    frames = middle_frames(start, start + length, count)
    assert len(frames) == count
    assert frames == sorted(frames)
    assert start <= frames[0] and frames[-1] <= max(start, start + length - 1)
    gaps = np.diff(frames)
    assert gaps.size == 0 or gaps.max() - gaps.min() <= 1


@given(segments, st.integers(0, 2**32))
def test_jitter_stays_within_each_part(segment: tuple[int, int, int], seed: int) -> None:
    start, length, count = segment
    frames = np.array(jittered_frames(start, start + length, count, rng_for(seed)))
    assert len(frames) == count
    assert (np.diff(frames) >= 0).all()
    edges = start + np.arange(count + 1) * length / count
    assert (frames >= np.floor(edges[:-1])).all() and (frames <= edges[1:]).all()
    assert frames[0] >= start and frames[-1] <= max(start, start + length - 1)
    assert frames.tolist() == jittered_frames(start, start + length, count, rng_for(seed))


class Furthest(np.random.Generator):
    """Draws the upper bound, which a real generator only comes near."""

    def uniform(self, low: float, high: float, size: int) -> np.ndarray:  # type: ignore[override]
        return np.full(size, high)


def test_jitter_is_one_frame_less_than_a_part() -> None:
    assert jittered_frames(0, 8, 2, Furthest(np.random.PCG64())) == [3, 7]
    assert jittered_frames(5, 5, 2, Furthest(np.random.PCG64())) == [5, 5]


def test_jitter_reaches_all_of_a_part() -> None:
    seen = {jittered_frames(0, 40, 4, rng_for(seed))[1] for seed in range(400)}
    assert seen == set(range(10, 20))


@pytest.mark.parametrize(("start", "stop", "count"), [(0, 10, 0), (5, 4, 8), (-1, 4, 8)])
def test_nonsense_is_refused(start: int, stop: int, count: int) -> None:
    with pytest.raises(VideoError):
        middle_frames(start, stop, count)
    with pytest.raises(VideoError):
        jittered_frames(start, stop, count, rng_for(0))
