"""Who does what when in the toy kitchen: the plan that films and annotations are both made from."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from llavaction.toy_kitchen.vocabulary import NOUNS, VERBS, narrate, reverse_verb_id
from llavaction.utils.errors import ConfigError
from llavaction.utils.seeding import rng_for


@dataclass(unsafe_hash=True)
class KitchenConfig:
    """Size and difficulty of a toy kitchen.

    Raises:
        ConfigError: when a value cannot be filmed.
    """

    seed: int = 0
    """Everything is a function of this seed and of ids, so equal configs give equal kitchens."""
    num_train_participants: int = 10
    """People in the training set; ten different kitchens are enough to generalise to an eleventh."""
    num_validation_participants: int = 3
    """People in the validation set. They are held out: none of their videos is in the training set."""
    num_videos_per_participant: int = 2
    """Videos of each person; two, because lighting differs between the videos of one kitchen."""
    num_segments_per_video: int = 60
    """Actions per video, about three minutes of film, so that most videos span a dozen 15-second chunks."""
    fps: int = 10
    """Frames per second; at 10 the shortest action (1.2 s) still has 12 frames, more than the 8 we sample."""
    height: int = 64
    """Pixels, even for H.264; 64 shows every detail that tells look-alikes apart and films fast."""
    width: int = 64
    """Pixels, even for H.264, not below `height`; 64 because decord 0.6 cannot decode narrower videos."""
    specialist_top1: float = 0.55
    """Share of segments the toy specialist gets right; real ones get about 0.55 on EPIC-KITCHENS-100."""

    def __post_init__(self) -> None:
        for name, value, least in (
            ("num_train_participants", self.num_train_participants, 1),
            ("num_validation_participants", self.num_validation_participants, 1),
            ("num_videos_per_participant", self.num_videos_per_participant, 1),
            ("num_segments_per_video", self.num_segments_per_video, 1),
            ("fps", self.fps, 5),
            ("height", self.height, 64),
            ("width", self.width, 64),
        ):
            _refuse(value < least, name, value, f"at least {least}")
        for name, value in (("height", self.height), ("width", self.width)):
            _refuse(value % 2 == 1, name, value, "an even number")
        # The scene is laid out in units of the height: in a narrow frame props would be cut off.
        _refuse(self.width < self.height, "width", self.width, f"at least the height, {self.height}")
        # Ids have two digits per participant (P01) and three per video (P01_101).
        _refuse(self.num_participants > 99, "the number of participants", self.num_participants, "at most 99")
        num_videos = self.num_videos_per_participant
        _refuse(num_videos > 99, "num_videos_per_participant", num_videos, "at most 99")
        share = self.specialist_top1
        _refuse(not 0.0 <= share <= 1.0, "specialist_top1", share, "a share between 0 and 1")

    @property
    def num_participants(self) -> int:
        """Participants of both splits."""
        return self.num_train_participants + self.num_validation_participants


@dataclass(frozen=True)
class Segment:
    """One annotated action of one video; times in seconds of that video, to the hundredth."""

    narration_id: str
    start_s: float
    stop_s: float
    narration_s: float
    verb_id: int
    noun_id: int
    verb: str
    noun: str
    object_scale: float
    """Drawn size of the object, 1 being usual; "small plate" is only said of a small one."""

    @property
    def narration(self) -> str:
        """What the person says."""
        return narrate(self.verb, self.noun)


@dataclass(frozen=True)
class VideoPlan:
    """One video: whose it is, how long, and its segments in the order in which they start."""

    video_id: str
    participant_id: str
    num_frames: int
    segments: tuple[Segment, ...]


def plan_split(config: KitchenConfig, *, validation: bool) -> list[VideoPlan]:
    """Plan all videos of one split, ordered by video id."""
    first, count = 1, config.num_train_participants
    if validation:
        first, count = 1 + count, config.num_validation_participants
    return [
        plan_video(config, f"P{participant:02d}", video)
        for participant in range(first, first + count)
        for video in range(config.num_videos_per_participant)
    ]


def plan_video(config: KitchenConfig, participant_id: str, video: int) -> VideoPlan:
    """Plan one video; `video` counts from 0 and becomes P01_101, P01_102, ... as in the newer real videos."""
    video_id = f"{participant_id}_{101 + video}"
    rng = rng_for(config.seed, "timeline", video_id)
    segments: list[Segment] = []
    start_s = round(rng.uniform(0.5, 2.0), 2)
    for number in range(config.num_segments_per_video):
        stop_s = round(start_s + rng.uniform(1.2, 3.0), 2)
        action = _next_action(rng, segments)
        segments.append(_make_segment(config.seed, f"{video_id}_{number}", start_s, stop_s, action))
        start_s = round(stop_s + _draw_gap_s(rng), 2)
    end_s = segments[-1].stop_s + rng.uniform(0.5, 2.0)
    return VideoPlan(video_id, participant_id, math.ceil(end_s * config.fps), tuple(segments))


def _next_action(rng: np.random.Generator, before: list[Segment]) -> tuple[int, int]:
    """Draw verb and noun: now and then what was just done is undone, which is what prior actions can tell."""
    if before and rng.random() < 0.3:
        return reverse_verb_id(before[-1].verb_id), before[-1].noun_id
    verb_id = rng.choice(len(VERBS), p=[verb.share for verb in VERBS])
    noun_id = rng.choice(len(NOUNS), p=[noun.share for noun in NOUNS])
    return int(verb_id), int(noun_id)


def _draw_gap_s(rng: np.random.Generator) -> float:
    """Pause until the next action; negative where the next starts before this one stops."""
    kind = rng.choice(4, p=[0.2, 0.3, 0.4, 0.1])
    low, high = ((-0.3, -0.05), (0.0, 0.0), (0.2, 3.0), (3.0, 6.0))[kind]
    return float(rng.uniform(low, high))


def _make_segment(seed: int, narration_id: str, start_s: float, stop_s: float, action: tuple[int, int]) -> Segment:
    rng = rng_for(seed, "segment", narration_id)
    verb_id, noun_id = action
    noun_class = NOUNS[noun_id]
    scale = float(rng.uniform(0.85, 1.15))
    noun = str(rng.choice(noun_class.names))
    if rng.random() < 0.5 and abs(scale - 1.0) > 0.08:
        noun = f"{noun_class.key}:{'small' if scale < 1.0 else 'large'}"
    return Segment(
        narration_id=narration_id,
        start_s=start_s,
        stop_s=stop_s,
        narration_s=round(rng.uniform(max(0.0, start_s - 0.5), stop_s), 3),
        verb_id=verb_id,
        noun_id=noun_id,
        verb=str(rng.choice(VERBS[verb_id].instances)),
        noun=noun,
        object_scale=scale,
    )


def _refuse(wrong: bool, name: str, value: float, wanted: str) -> None:
    if wrong:
        raise ConfigError(f"toy kitchen: {name} is {value}; choose {wanted}")
