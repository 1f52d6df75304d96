from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from llavaction.toy_kitchen.decor import Decor, decorate
from llavaction.toy_kitchen.render import active_segments, draw_action, draw_idle, render_frames
from llavaction.toy_kitchen.scenes import KitchenConfig, Segment, VideoPlan, plan_video
from llavaction.toy_kitchen.vocabulary import NOUNS, VERBS, look_alike_id, reverse_verb_id

CONFIG = KitchenConfig()
# Multiples of 1/16 are exact in binary, so that p and 1 - p meet again.
PROGRESS = np.arange(1, 16, 2) / 16


@pytest.fixture(scope="module")
def video() -> VideoPlan:
    return plan_video(CONFIG, "P01", 0)


@pytest.fixture(scope="module")
def decor() -> Decor:
    return decorate(CONFIG, "P01", "P01_101")


def make_segment(verb_id: int, noun_id: int) -> Segment:
    return Segment("P01_101_0", 1.0, 3.0, 1.0, verb_id, noun_id, "", "", object_scale=1.0)


@pytest.mark.parametrize("verb_id", range(len(VERBS)), ids=[verb.key for verb in VERBS])
def test_reverse_verb_is_the_same_film_backwards(verb_id: int, decor: Decor) -> None:
    forwards = make_segment(verb_id, 0)
    backwards = replace(forwards, verb_id=reverse_verb_id(verb_id))
    film = draw_action(CONFIG, decor, forwards, PROGRESS)
    np.testing.assert_allclose(film, draw_action(CONFIG, decor, backwards, 1.0 - PROGRESS), atol=1e-6)
    # In equal order the two differ plainly, so that the order of frames tells them apart.
    assert np.abs(film - draw_action(CONFIG, decor, backwards, PROGRESS)).mean() > 0.01


def test_every_action_looks_different(decor: Decor) -> None:
    films = [
        draw_action(CONFIG, decor, make_segment(verb_id, noun_id), PROGRESS)
        for verb_id in range(len(VERBS))
        for noun_id in range(len(NOUNS))
    ]
    for number, film in enumerate(films):
        assert min(np.abs(film - other).mean() for other in films[:number] or [film + 1]) > 0.001


def test_look_alikes_look_more_alike_than_others(decor: Decor) -> None:
    start = np.array([0.0])
    shots = [draw_action(CONFIG, decor, make_segment(0, noun_id), start) for noun_id in range(len(NOUNS))]
    distance = np.array([[np.abs(one - other).mean() for other in shots] for one in shots])
    for noun_id in range(len(NOUNS)):
        alike_id = look_alike_id(noun_id)
        others = [n for n in range(len(NOUNS)) if n not in (noun_id, alike_id)]
        assert 0 < distance[noun_id, alike_id] < np.median(distance[noun_id, others])


def test_object_leaves_the_counter_when_taken(decor: Decor) -> None:
    film = draw_action(CONFIG, decor, make_segment(0, 0), np.array([0.0, 1.0]))
    changed = np.abs(film - decor.counter).mean(axis=(1, 2, 3))
    assert changed[0] > 0.01
    assert changed[1] == pytest.approx(0.0, abs=1e-6)


def test_later_of_two_overlapping_segments_is_shown() -> None:
    first = make_segment(0, 0)
    second = replace(first, narration_id="P01_101_1", start_s=2.8, stop_s=5.0)
    video = VideoPlan("P01_101", "P01", 60, (first, second))
    shown = active_segments(video, np.array([0.5, 1.0, 2.79, 2.8, 2.95, 4.99, 5.0]))
    assert shown.tolist() == [-1, 0, 0, 1, 1, 1, -1]


def test_idle_frames_show_the_counter_and_at_times_a_hand(decor: Decor, video: VideoPlan) -> None:
    frames = draw_idle(CONFIG, decor, video, np.arange(0, 10, 0.25))
    changed = (np.abs(frames - decor.counter).max(axis=1) > 0.05).mean(axis=(1, 2))
    assert changed.min() == 0.0
    assert 0.02 < changed.max() < 0.3


def test_frames_are_filmed_in_the_size_asked_for_and_the_same_each_time(video: VideoPlan) -> None:
    config = KitchenConfig(height=64, width=96)
    decor = decorate(config, "P01", "P01_101")
    frames = render_frames(config, decor, video, 30, 12)
    assert frames.shape == (12, 64, 96, 3) and frames.dtype == np.uint8
    np.testing.assert_array_equal(frames, render_frames(config, decor, video, 30, 12))


def test_kitchens_differ_between_participants_and_days() -> None:
    home, other_day = decorate(CONFIG, "P01", "P01_101"), decorate(CONFIG, "P01", "P01_102")
    elsewhere = decorate(CONFIG, "P02", "P02_101")
    np.testing.assert_array_equal(home.counter, other_day.counter)
    assert np.abs(home.light - other_day.light).mean() > 0.01
    assert np.abs(home.counter - elsewhere.counter).mean() > 0.01
