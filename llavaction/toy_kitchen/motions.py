"""Where hand, object and props are at each moment of an action.

Each motion is a function of progress in [0, 1]; the verb that undoes it is the same motion at 1 - progress.
Positions are in scene units around the middle of the frame. T is the number of moments.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from llavaction.toy_kitchen.glyphs import OBJECT_RADIUS
from llavaction.toy_kitchen.shapes import Array
from llavaction.toy_kitchen.vocabulary import VERBS, Motion

AWAY_Y = 0.68  # where a hand is out of sight below the frame
GONE_Y = 0.90  # where an object is
LAMP_X, LAMP_Y = 0.36, -0.24
BOX_LEFT = 0.10
STOWED_X = 0.52  # where an object is wholly inside the box


@dataclass(frozen=True)
class Place:
    """How one segment differs from another of the same action."""

    x: float
    y: float
    scale: float
    approach: float
    """Sideways distance that the hand covers on its way in, in scene units."""


@dataclass(frozen=True)
class Pose:
    """State of the scene at T moments; props that a motion does not use stay None."""

    hand_x: Array
    hand_y: Array
    grips: Array
    """Whether the hand is closed, boolean [T]."""
    object_x: Array
    object_y: Array
    flap: Array | None = None
    """Visible width of the flap, from 1 (covers the object) over 0 (on edge) to -1 (swung open)."""
    lamp: Array | None = None
    """Brightness of the lamp in [0, 1]."""
    box: bool = False


def pose_action(verb_id: int, place: Place, progress: Array) -> Pose:
    """The scene at each moment of a verb's action; progress is [T] in [0, 1]."""
    verb = VERBS[verb_id]
    return MOTIONS[verb.motion](place, 1.0 - progress if verb.backwards else progress)


def _ramp(progress: Array, start: float, stop: float) -> Array:
    """A smooth step from 0 before `start` to 1 after `stop`."""
    part = np.clip((progress - start) / (stop - start), 0.0, 1.0)
    return part * part * (3.0 - 2.0 * part)


def _reach(place: Place, near: Array, x: Array | float, y: Array | float) -> tuple[Array, Array]:
    """A hand on its way from below the frame (near = 0) to (x, y) (near = 1)."""
    return x + (1.0 - near) * place.approach, AWAY_Y + near * (y - AWAY_Y)


def _carry(place: Place, progress: Array) -> Pose:
    """An empty hand comes in, grips the object and leaves with it."""
    grip_y = place.y + 0.6 * OBJECT_RADIUS * place.scale
    hand_x, hand_y = _reach(place, _ramp(progress, 0.0, 0.45), place.x, grip_y)
    leaving = _ramp(progress, 0.5, 1.0)
    moved_x, moved_y = -leaving * place.approach, leaving * (GONE_Y - place.y)
    return Pose(hand_x + moved_x, hand_y + moved_y, progress > 0.45, place.x + moved_x, place.y + moved_y)


def _swing(place: Place, progress: Array) -> Pose:
    """The hand swings the flap that covers the object around its left edge."""
    flap = np.cos(np.pi * _ramp(progress, 0.12, 0.88))
    reach = OBJECT_RADIUS * place.scale
    near = _ramp(progress, 0.0, 0.15) * _ramp(1.0 - progress, 0.0, 0.15)
    edge_x = place.x - 1.15 * reach + 2.3 * reach * flap
    hand_x, hand_y = _reach(place, near, edge_x, place.y + 0.5 * reach)
    still = np.zeros_like(progress)
    return Pose(hand_x, hand_y, near > 0.9, place.x + still, place.y + still, flap=flap)


def _light(place: Place, progress: Array) -> Pose:
    """The hand touches the lamp beside the object, and it goes on."""
    near = _ramp(progress, 0.0, 0.45) * _ramp(1.0 - progress, 0.0, 0.45)
    hand_x, hand_y = _reach(place, near, LAMP_X, LAMP_Y + 0.10)
    still = np.zeros_like(progress)
    lamp = _ramp(progress, 0.35, 0.65)
    return Pose(hand_x, hand_y, progress < 0.0, place.x - 0.13 + still, place.y + still, lamp=lamp)


def _stow(place: Place, progress: Array) -> Pose:
    """The hand slides the object into the box and leaves without it."""
    near = _ramp(progress, 0.0, 0.2) * _ramp(1.0 - progress, 0.0, 0.2)
    start_x = place.x - 0.20
    object_x = start_x + _ramp(progress, 0.2, 0.8) * (STOWED_X - start_x)
    hand_x, hand_y = _reach(place, near, object_x - 0.1, place.y + 0.5 * OBJECT_RADIUS)
    return Pose(hand_x, hand_y, near > 0.9, object_x, np.full_like(progress, place.y), box=True)


MOTIONS: dict[Motion, Callable[[Place, Array], Pose]] = {
    Motion.CARRY: _carry,
    Motion.SWING: _swing,
    Motion.LIGHT: _light,
    Motion.STOW: _stow,
}
