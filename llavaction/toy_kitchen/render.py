"""A toy kitchen's frames: props, object and hand laid over the counter, seen by an unsteady camera.

Legend of array shapes: T frames, H and W pixels. A frame shows the moment in the middle of its time.
"""

from __future__ import annotations

import numpy as np

from llavaction.toy_kitchen.decor import Decor, paint_flap
from llavaction.toy_kitchen.glyphs import GLYPHS, OBJECT_EXTENT, OBJECT_RADIUS, OBJECT_SIZE
from llavaction.toy_kitchen.motions import AWAY_Y, BOX_LEFT, LAMP_X, LAMP_Y, Place, Pose, pose_action
from llavaction.toy_kitchen.scenes import KitchenConfig, Segment, VideoPlan
from llavaction.toy_kitchen.shapes import Array, Sprite, lay, paint
from llavaction.toy_kitchen.vocabulary import NOUNS
from llavaction.utils.seeding import rng_for

NOISE = 0.012  # standard deviation of the sensor's noise, as a share of full brightness


def render_frames(config: KitchenConfig, decor: Decor, video: VideoPlan, first: int, count: int) -> Array:
    """Film `count` frames of a video from frame `first`: uint8 [T, H, W, 3]."""
    times_s = (np.arange(first, first + count) + 0.5) / config.fps
    shown = active_segments(video, times_s)
    frames = np.empty((count, *decor.counter.shape), np.float32)
    for number in np.unique(shown):
        picked = shown == number
        if number < 0:
            frames[picked] = draw_idle(config, decor, video, times_s[picked])
            continue
        segment = video.segments[number]
        progress = (times_s[picked] - segment.start_s) / (segment.stop_s - segment.start_s)
        frames[picked] = draw_action(config, decor, segment, progress)
    return film(config, decor, frames, f"{video.video_id}/{first}")


def active_segments(video: VideoPlan, times_s: Array) -> Array:
    """Index of the segment on view at each time [T], -1 for none; where two overlap, the later one."""
    starts_s = np.array([segment.start_s for segment in video.segments])
    stops_s = np.array([segment.stop_s for segment in video.segments])
    latest = np.searchsorted(starts_s, times_s, side="right") - 1
    return np.where((latest >= 0) & (times_s < stops_s[latest]), latest, -1)


def draw_action(config: KitchenConfig, decor: Decor, segment: Segment, progress: Array) -> Array:
    """A segment's scene at T moments without light, shake and noise: float32 [T, 3, H', W'], H' with margins.

    The verb that undoes this one gives the same pictures at 1 - progress.
    """
    rng = rng_for(config.seed, "look", segment.narration_id)
    place = Place(
        x=float(rng.uniform(-0.04, 0.04)),
        y=float(rng.uniform(-0.06, 0.02)),
        scale=segment.object_scale,
        approach=float(rng.uniform(-0.12, 0.2)),
    )
    item = paint(
        GLYPHS[NOUNS[segment.noun_id].key],
        OBJECT_EXTENT,
        decor.unit_px,
        scale=OBJECT_SIZE * segment.object_scale,
        turn=float(rng.uniform(-0.15, 0.15)),
        mirror=bool(rng.random() < 0.5),
    )
    return _draw_pose(decor, place, item, pose_action(segment.verb_id, place, progress))


def draw_idle(config: KitchenConfig, decor: Decor, video: VideoPlan, times_s: Array) -> Array:
    """The empty counter at T moments, with a hand that now and then comes up: float32 [T, 3, H', W']."""
    rng = rng_for(config.seed, "idle", video.video_id)
    phase_x, phase_y = rng.uniform(0.0, 2 * np.pi, 2)
    frames = np.repeat(decor.counter[None], len(times_s), axis=0)
    hand_x = 0.2 * np.sin(1.3 * times_s + phase_x)
    hand_y = AWAY_Y - 0.3 * np.maximum(0.0, np.sin(1.9 * times_s + phase_y))
    for frame, x, y in zip(frames, hand_x, hand_y, strict=True):
        _lay(decor, frame, decor.open_hand, x, y)
    return frames


def film(config: KitchenConfig, decor: Decor, frames: Array, shot: str) -> Array:
    """See frames [T, 3, H', W'] through a lit, unsteady, noisy camera: uint8 [T, H, W, 3]."""
    rng = rng_for(config.seed, "camera", shot)
    margin, height, width = decor.margin_px, config.height, config.width
    shifts = np.clip(np.rint(margin + decor.sway_px * rng.standard_normal((len(frames), 2))), 0, 2 * margin)
    lit = frames * decor.light
    pixels = np.stack(
        [
            frame[:, top : top + height, left : left + width]
            for frame, (top, left) in zip(lit, shifts.astype(int), strict=True)
        ]
    )
    pixels += NOISE * rng.standard_normal((len(frames), 1, height, width), dtype=np.float32)
    pixels *= 255.0
    np.clip(np.rint(pixels, out=pixels), 0.0, 255.0, out=pixels)
    return np.ascontiguousarray(pixels.astype(np.uint8).transpose(0, 2, 3, 1))


def _draw_pose(decor: Decor, place: Place, item: Sprite, pose: Pose) -> Array:
    """Lay props, object and hand over the counter, from back to front."""
    frames = np.repeat(decor.counter[None], len(pose.hand_x), axis=0)
    for number, frame in enumerate(frames):
        if pose.box:
            _lay(decor, frame, decor.box_inside, BOX_LEFT, place.y)
        _lay(decor, frame, item, pose.object_x[number], pose.object_y[number])
        if pose.box:
            _lay(decor, frame, decor.box_front, BOX_LEFT, place.y)
        if pose.flap is not None:
            hinge_x = place.x - 1.15 * OBJECT_RADIUS * place.scale
            flap = paint_flap(decor, float(pose.flap[number]), place.scale)
            _lay(decor, frame, flap, hinge_x, place.y)
        if pose.lamp is not None:
            _lay(decor, frame, decor.lamp_off, LAMP_X, LAMP_Y)
            _lay(decor, frame, decor.lamp_on, LAMP_X, LAMP_Y, float(pose.lamp[number]))
        hand = decor.closed_hand if pose.grips[number] else decor.open_hand
        _lay(decor, frame, hand, pose.hand_x[number], pose.hand_y[number])
    return frames


def _lay(decor: Decor, frame: Array, sprite: Sprite, x: float, y: float, opacity: float = 1.0) -> None:
    """Lay a sprite at scene position (x, y), whose origin is the middle of the frame."""
    middle_y, middle_x = frame.shape[1] / 2, frame.shape[2] / 2
    lay(frame, sprite, middle_x + x * decor.unit_px, middle_y + y * decor.unit_px, opacity)
