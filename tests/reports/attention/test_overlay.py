"""Colours lie where the patches are, and stand for how much."""

from __future__ import annotations

import numpy as np
import pytest

from llavaction.reports.attention.overlay import LEAST_PEAK, lay_over, strengths


def frames_of(value=120, resolution=12, number=2):
    return np.full((number, resolution, resolution, 3), value, np.uint8)


def redness(pictures):
    """How much redder than green each pixel is."""
    return pictures[..., 0].astype(int) - pictures[..., 1]


def test_each_patch_has_its_place():
    map_Thh = np.zeros((2, 3, 3))
    map_Thh[1, 0, 2] = 1
    red = redness(lay_over(frames_of(), map_Thh, cover=1.0))
    assert not red[0].any()
    assert (red[1, :4, 8:] > 50).all()
    red[1, :4, 8:] = 0
    assert not red.any()


def test_sides_need_not_be_multiples():
    map_Thh = np.zeros((1, 3, 3))
    map_Thh[0, 1, 1] = 1
    red = redness(lay_over(frames_of(resolution=10, number=1), map_Thh, cover=1.0))[0]
    # Thirds of 10 pixels end at 3.3 and 6.7: the middles of pixels 3 to 6 are between.
    assert np.argwhere(red > 0).min(0).tolist() == [3, 3] and np.argwhere(red > 0).max(0).tolist() == [6, 6]


def test_what_no_patch_shows_gets_no_colour():
    red = redness(lay_over(frames_of(number=1), np.ones((1, 1, 1)), cover=2 / 3))[0]
    assert (red[:8, :8] > 50).all()
    assert not red[8:].any() and not red[:, 8:].any()


def test_more_attention_is_a_stronger_colour():
    levels = np.linspace(0, 1, 9).reshape(9, 1, 1)
    colours = lay_over(frames_of(number=9), levels, cover=1.0)[:, 0, 0].astype(int)
    assert len(set(colours[0])) == 1
    distance = np.abs(colours - colours[0]).sum(1)
    assert (np.diff(distance) > 0).all()
    assert colours[-1, 0] > 2 * colours[-1, 1]


def test_the_frame_stays_to_be_seen():
    dark, light = (lay_over(frames_of(value), np.full((2, 1, 1), 0.5), 1.0).astype(int) for value in (0, 255))
    assert (light - dark).min() > 40


def test_the_scale_is_one_for_all_frames():
    map_Thh = np.random.default_rng(0).random((4, 14, 14)) ** 8
    strong = strengths(map_Thh)
    assert strong.max() == 1 and strong.min() >= 0
    below = strong < 1
    assert (map_Thh[below] / strong[below]).std() == pytest.approx(0, abs=1e-9)
    # The hundredth part with the most attention has the strongest colour.
    assert (~below).mean() == pytest.approx(0.01, abs=0.005)


def test_even_attention_stays_pale():
    assert strengths(np.full((2, 3, 3), 0.01)) == pytest.approx(1 / LEAST_PEAK)


def test_no_attention_is_no_colour():
    assert not strengths(np.zeros((2, 3, 3))).any()
