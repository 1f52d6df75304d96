"""Temporal detection: in a clip that is padded at random, when does a named action start and stop?"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

from llavaction.annotations.epic_kitchens import Split, VideoInfo
from llavaction.annotations.segments import Segment
from llavaction.annotations.vocabulary import Vocabulary
from llavaction.sft.builders.base import label_of
from llavaction.sft.prompts import PromptsConfig, seconds
from llavaction.sft.samples import ClipRef, Role, Sample, TimeSpan, Turn, View
from llavaction.sft.tally import Tally
from llavaction.utils.errors import ConfigError, DataError
from llavaction.utils.seeding import unit_interval


@dataclass
class DetectionConfig:
    """How the clips of temporal detection are padded."""

    padding_s: float = 3.0
    """Seconds added to the segment, shared at random between before and after it; 3, as in the paper."""

    def __post_init__(self) -> None:
        if not 0 < self.padding_s < float("inf"):
            raise ConfigError(f"sft.detection.padding_s = {self.padding_s}: must be above 0")


class TemporalDetectionBuilder:
    """Asks for the start and the stop of a narrated action.

    With padding delta and alpha ~ U(0, 1), the clip begins alpha * delta before the segment and ends
    (1 - alpha) * delta after it, but never outside the video. All times have two decimals.
    """

    view = View.TEMPORAL_DETECTION

    def __init__(
        self,
        vocabulary: Vocabulary,
        videos: Mapping[str, VideoInfo],
        config: DetectionConfig,
        prompts: PromptsConfig,
        seed: int,
    ) -> None:
        self._vocabulary = vocabulary
        self._videos = videos
        self._config = config
        self._question = prompts.template("detection_question")
        self._answer = prompts.detection_answer
        self._seed = seed

    def build(self, segment: Segment, split: Split, tally: Tally) -> Sample:
        clip = self._clip(segment)
        length_s = round(clip.stop_s - clip.start_s, 2)
        # Rounding, or a segment that ends a few frames after its video, must not push the target out of the clip.
        target = TimeSpan(
            round(segment.start_s - clip.start_s, 2), min(round(segment.stop_s - clip.start_s, 2), length_s)
        )
        question = self._question.format(
            narration=segment.narration,
            duration_s=seconds(target.stop_s - target.start_s),
            clip_s=seconds(length_s),
        )
        answer = self._answer.format(start_s=seconds(target.start_s), stop_s=seconds(target.stop_s))
        return Sample(
            sample_id=f"{self.view}/{segment.segment_id}",
            view=self.view,
            segment_id=segment.segment_id,
            clip=clip,
            turns=(Turn(Role.USER, question), Turn(Role.ASSISTANT, answer)),
            action=label_of(segment, self._vocabulary),
            target=target,
        )

    def _clip(self, segment: Segment) -> ClipRef:
        video = self._videos.get(segment.video_id)
        if video is None:
            raise DataError(
                f"segment {segment.segment_id!r}: video {segment.video_id!r} is not in the video table, which says how "
                "long it is; add it there, or leave temporal_detection out of sft.views"
            )
        end_s = _floor(video.duration_s)
        if segment.start_s + 0.01 > end_s:
            raise DataError(
                f"segment {segment.segment_id!r} starts at {segment.start_s} s, but the video table gives "
                f"{segment.video_id!r} {video.duration_s} s; correct the annotations or the table"
            )
        alpha = unit_interval(self._seed, segment.segment_id, self.view)
        before_s = alpha * self._config.padding_s
        start_s = max(0.0, _floor(segment.start_s - before_s))
        stop_s = min(end_s, round(segment.stop_s + self._config.padding_s - before_s, 2))
        return ClipRef(segment.video_id, start_s, stop_s)


def _floor(time_s: float) -> float:
    """The time cut to two decimals: a clip never begins after what it is to show, nor ends after its video."""
    # 4.35 * 100 is 434.99999999999994.
    return math.floor(round(time_s * 100, 6)) / 100
