"""When does a named action start and stop in a padded clip?"""

from __future__ import annotations

import re
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from llavaction.annotations.epic_kitchens import Annotations, Split
from llavaction.sft.builders.temporal_detection import DetectionConfig, TemporalDetectionBuilder
from llavaction.sft.samples import ActionLabel, ClipRef, Sample, TimeSpan, View
from llavaction.sft.tally import Tally
from llavaction.utils.errors import ConfigError, DataError
from tests.properties import reproducible
from tests.sft.worlds import PROMPTS, Row, make_annotations

VIDEO = "P01_01"
QUESTION = re.compile(r"When in (\d+\.\d\d) s is it, for (\d+\.\d\d) s\? (.*)")
ANSWER = re.compile(r"(\d+\.\d\d) to (\d+\.\d\d)")


def one_segment(start_s: float, length_s: float, video_s: float = 600.0) -> Annotations:
    return make_annotations([Row("take plate", 0, 0, start_s, length_s)], [], durations={VIDEO: video_s})


def detect(annotations: Annotations, padding_s: float = 3.0, seed: int = 0) -> Sample:
    config = DetectionConfig(padding_s)
    builder = TemporalDetectionBuilder(annotations.vocabulary, annotations.videos, config, PROMPTS, seed)
    return builder.build(annotations.train.get("T0"), Split.TRAIN, Tally())


def check(sample: Sample, annotations: Annotations) -> None:
    """The target lies in the clip, the clip in the video, and the words say the numbers."""
    segment, clip, target = annotations.train.get("T0"), sample.shown_clip, sample.target
    assert target is not None
    video_s = annotations.videos[VIDEO].duration_s
    length_s = round(clip.stop_s - clip.start_s, 2)
    assert 0 <= clip.start_s <= segment.start_s
    assert clip.stop_s <= video_s
    assert 0 <= target.start_s < target.stop_s <= length_s
    # To half of the last decimal, and half of that of the clip's own times.
    assert clip.start_s + target.start_s == pytest.approx(segment.start_s, abs=0.0051)
    assert clip.start_s + target.stop_s == pytest.approx(min(segment.stop_s, video_s), abs=0.0151)
    question, answer = QUESTION.fullmatch(sample.question), ANSWER.fullmatch(sample.answer)
    assert question is not None and answer is not None
    assert [float(answer[1]), float(answer[2])] == [target.start_s, target.stop_s]
    assert float(question[1]) == length_s
    assert float(question[2]) == pytest.approx(target.stop_s - target.start_s, abs=1e-6)
    assert question[3] == segment.narration
    assert sample.answer not in sample.question


@reproducible
@given(
    st.integers(0, 20_000), st.integers(40, 12_000), st.integers(-10, 6_000), st.floats(0.01, 20.0), st.integers(0, 5)
)
def test_every_clip_holds_its_target(start_ms: int, length_ms: int, rest_ms: int, padding_s: float, seed: int) -> None:
    """Segments to the millisecond anywhere in a video, which may stop a little before them."""
    video_s = (start_ms + length_ms + rest_ms) / 1000
    annotations = one_segment(start_ms / 1000, length_ms / 1000, video_s)
    sample = detect(annotations, padding_s, seed)
    check(sample, annotations)
    assert sample.shown_clip.stop_s - sample.shown_clip.start_s <= length_ms / 1000 + padding_s + 0.02


def test_the_fields_of_a_sample() -> None:
    annotations = one_segment(100.0, 2.5)
    sample = detect(annotations)
    assert (sample.sample_id, sample.view, sample.segment_id) == (
        "temporal_detection/T0", View.TEMPORAL_DETECTION, "T0",
    )  # fmt: skip
    assert sample.action == ActionLabel(0, 0, 0)
    assert sample.shown_clip.stop_s - sample.shown_clip.start_s == pytest.approx(5.5, abs=0.011)
    assert Sample.from_row(sample.to_row()) == sample


def test_padding_is_shared_at_random_between_before_and_after() -> None:
    starts = []
    for seed in range(300):
        target = detect(one_segment(100.0, 2.5), seed=seed).target
        assert target is not None
        starts.append(target.start_s)
    assert 0 <= min(starts) < 0.1 and 2.9 < max(starts) <= 3.01
    assert 1.35 < sum(starts) / 300 < 1.65  # mean of a uniform draw: 1.5, standard deviation 0.05


def test_the_same_segment_gets_the_same_clip() -> None:
    assert detect(one_segment(100.0, 2.5), seed=4) == detect(one_segment(100.0, 2.5), seed=4)


def test_a_clip_begins_with_its_video_at_the_earliest() -> None:
    sample = detect(one_segment(0.0, 2.5))
    assert sample.shown_clip.start_s == 0.0
    assert sample.target == TimeSpan(0.0, 2.5)


def test_a_clip_stops_with_its_video_at_the_latest() -> None:
    sample = detect(one_segment(10.0, 2.5, video_s=12.5))
    assert sample.shown_clip.stop_s == 12.5
    whole = detect(one_segment(0.0, 12.5, video_s=12.5))
    assert whole.shown_clip == ClipRef(VIDEO, 0.0, 12.5)
    assert whole.answer == "0.00 to 12.50"


@pytest.mark.parametrize("start_s", [1.234, 1.235, 1.2399, 0.005])
def test_a_start_with_milliseconds_is_in_the_clip(start_s: float) -> None:
    annotations = one_segment(start_s, 2.5)
    check(detect(annotations), annotations)


def test_a_video_shorter_than_the_segment_cuts_the_target() -> None:
    annotations = one_segment(10.0, 2.5, video_s=11.289)
    sample = detect(annotations)
    assert sample.target is not None
    assert sample.shown_clip.stop_s == 11.28
    assert sample.shown_clip.start_s + sample.target.stop_s == pytest.approx(11.28)


@pytest.mark.parametrize("video_s", [9.0, 10.0, 10.009])
def test_a_segment_after_its_video_is_an_error(video_s: float) -> None:
    with pytest.raises(DataError) as failure:
        detect(one_segment(10.0, 2.5, video_s))
    assert f"segment 'T0' starts at 10.0 s, but the video table gives 'P01_01' {video_s} s" in str(failure.value)


def test_a_video_that_is_not_in_the_table_is_an_error() -> None:
    annotations = replace(one_segment(10.0, 2.5), videos={})
    with pytest.raises(DataError, match=r"segment 'T0': video 'P01_01' is not in the video table.*sft\.views"):
        detect(annotations)


@pytest.mark.parametrize("padding_s", [0.0, -1.0, float("inf"), float("nan")])
def test_padding_that_pads_nothing_is_refused(padding_s: float) -> None:
    with pytest.raises(ConfigError, match=r"sft\.detection\.padding_s = .*: must be above 0"):
        DetectionConfig(padding_s)


def test_prompts_without_the_question_are_refused() -> None:
    annotations, prompts = one_segment(10.0, 2.5), replace(PROMPTS, detection_question=None)
    with pytest.raises(ConfigError, match=r"prompts 'test' have no detection_question"):
        TemporalDetectionBuilder(annotations.vocabulary, annotations.videos, DetectionConfig(), prompts, 0)
