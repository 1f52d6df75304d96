from __future__ import annotations

from collections import Counter

import pytest

from llavaction.toy_kitchen.scenes import KitchenConfig, VideoPlan, plan_split
from llavaction.toy_kitchen.vocabulary import NOUNS, VERBS, reverse_verb_id
from llavaction.utils.errors import ConfigError


@pytest.fixture(scope="module")
def train() -> list[VideoPlan]:
    return plan_split(KitchenConfig(), validation=False)


@pytest.fixture(scope="module")
def validation() -> list[VideoPlan]:
    return plan_split(KitchenConfig(), validation=True)


@pytest.mark.parametrize(
    ("field", "value", "message"),
    [
        ("num_train_participants", 0, "num_train_participants is 0; choose at least 1"),
        ("num_train_participants", 97, "the number of participants is 100; choose at most 99"),
        ("num_validation_participants", 0, "num_validation_participants is 0; choose at least 1"),
        ("num_videos_per_participant", 0, "num_videos_per_participant is 0; choose at least 1"),
        ("num_videos_per_participant", 100, "num_videos_per_participant is 100; choose at most 99"),
        ("num_segments_per_video", 0, "num_segments_per_video is 0; choose at least 1"),
        ("fps", 4, "fps is 4; choose at least 5"),
        ("height", 62, "height is 62; choose at least 64"),
        ("width", 62, "width is 62; choose at least 64"),
        ("width", 65, "width is 65; choose an even number"),
        ("specialist_top1", 1.1, "specialist_top1 is 1.1; choose a share between 0 and 1"),
        ("specialist_top1", float("nan"), "specialist_top1 is nan; choose a share between 0 and 1"),
    ],
)
def test_config_refuses_what_cannot_be_filmed(field: str, value: float, message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        KitchenConfig(**{field: value})


def test_config_refuses_a_frame_higher_than_wide() -> None:
    with pytest.raises(ConfigError, match="width is 64; choose at least the height, 80"):
        KitchenConfig(height=80, width=64)


def test_default_kitchen_has_the_promised_size(train: list[VideoPlan], validation: list[VideoPlan]) -> None:
    assert [video.video_id for video in train[:3]] == ["P01_101", "P01_102", "P02_101"]
    assert (len(train), len(validation)) == (20, 6)
    assert all(len(video.segments) == 60 for video in train + validation)


def test_validation_participants_are_held_out(train: list[VideoPlan], validation: list[VideoPlan]) -> None:
    assert {video.participant_id for video in validation} == {"P11", "P12", "P13"}
    assert not {video.participant_id for video in train} & {video.participant_id for video in validation}


def test_segments_lie_in_their_video_and_last_long_enough(train: list[VideoPlan]) -> None:
    for video in train:
        duration_s = video.num_frames / 10
        for segment in video.segments:
            assert 0.0 <= segment.start_s < segment.stop_s <= duration_s
            assert 0.0 <= segment.narration_s <= duration_s
            assert 1.19 <= segment.stop_s - segment.start_s <= 3.01


def test_pauses_are_of_all_kinds(train: list[VideoPlan]) -> None:
    kinds: Counter[str] = Counter()
    for video in train:
        for before, after in zip(video.segments, video.segments[1:], strict=False):
            gap_s = round(after.start_s - before.stop_s, 2)
            assert -0.3 <= gap_s <= 6.0
            kind = "overlap" if gap_s < 0 else "none" if gap_s == 0 else "short" if gap_s <= 3 else "long"
            kinds[kind] += 1
    assert {kind: count for kind, count in kinds.items() if count >= 50}.keys() == {
        "overlap",
        "none",
        "short",
        "long",
    }


def test_all_classes_occur_and_some_are_rare(train: list[VideoPlan]) -> None:
    verbs = Counter(segment.verb_id for video in train for segment in video.segments)
    nouns = Counter(segment.noun_id for video in train for segment in video.segments)
    assert (len(verbs), len(nouns)) == (len(VERBS), len(NOUNS))
    assert max(verbs.values()) > 1.5 * min(verbs.values())
    assert max(nouns.values()) > 2.5 * min(nouns.values())


def test_actions_are_often_undone_next(train: list[VideoPlan]) -> None:
    undone = [
        (after.verb_id, after.noun_id) == (reverse_verb_id(before.verb_id), before.noun_id)
        for video in train
        for before, after in zip(video.segments, video.segments[1:], strict=False)
    ]
    assert 0.25 < sum(undone) / len(undone) < 0.37


def test_words_belong_to_their_class_and_size_words_are_true(train: list[VideoPlan]) -> None:
    sizes: Counter[str] = Counter()
    for segment in (segment for video in train for segment in video.segments):
        assert segment.verb in VERBS[segment.verb_id].instances
        assert segment.noun in NOUNS[segment.noun_id].instances
        for word, true in (("small", segment.object_scale < 1), ("large", segment.object_scale > 1)):
            if word in segment.noun:
                assert true
                sizes[word] += 1
    assert sizes["small"] > 50 and sizes["large"] > 50


def test_a_video_does_not_depend_on_how_many_others_there_are(train: list[VideoPlan]) -> None:
    alone = plan_split(KitchenConfig(num_train_participants=1, num_videos_per_participant=1), validation=False)
    assert alone == train[:1]


def test_another_seed_is_another_kitchen(train: list[VideoPlan]) -> None:
    assert plan_split(KitchenConfig(seed=1), validation=False) != train
