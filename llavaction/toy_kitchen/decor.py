"""Kitchens: what does not depend on the action, but on whose kitchen it is and on the day.

Everything here is a nuisance that a model must learn to look past: counter and wall, skin and sleeve,
light, unsteady camera.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from llavaction.toy_kitchen.glyphs import OBJECT_RADIUS
from llavaction.toy_kitchen.scenes import KitchenConfig
from llavaction.toy_kitchen.shapes import Array, Colour, Layer, Sprite, box, capsule, disc, outline, paint
from llavaction.utils.seeding import rng_for

WALL_BOTTOM = -0.33  # scene units
BOX_CORNERS = (-0.36, 0.64, 0.36)  # top, right (out of the frame), bottom
BOX_EXTENT = (0.0, -0.38, 0.70, 0.38)
SKINS: tuple[Colour, ...] = ((0.95, 0.78, 0.67), (0.87, 0.66, 0.52), (0.70, 0.48, 0.34), (0.48, 0.31, 0.22))
SLEEVES: tuple[Colour, ...] = ((0.20, 0.27, 0.42), (0.55, 0.20, 0.25), (0.28, 0.42, 0.33), (0.85, 0.70, 0.35))
WOODS: tuple[Colour, ...] = ((0.62, 0.43, 0.26), (0.45, 0.30, 0.20), (0.75, 0.58, 0.36), (0.40, 0.42, 0.36))
FLAPS: tuple[Colour, ...] = ((0.25, 0.55, 0.52), (0.80, 0.58, 0.25), (0.52, 0.40, 0.60), (0.50, 0.58, 0.34))
WALLS: tuple[Colour, ...] = ((0.93, 0.90, 0.84), (0.80, 0.87, 0.88), (0.86, 0.88, 0.78), (0.90, 0.80, 0.74))
COUNTERS: tuple[Colour, ...] = (
    (0.64, 0.46, 0.30),  # oak
    (0.50, 0.52, 0.54),  # granite
    (0.44, 0.58, 0.52),  # sage
    (0.68, 0.53, 0.43),  # terracotta
    (0.50, 0.56, 0.65),  # slate blue
    (0.64, 0.60, 0.48),  # sandstone
)


@dataclass(frozen=True)
class Decor:
    """One video's kitchen, ready to film in."""

    unit_px: int
    """Pixels per scene unit: the height of the frame."""
    margin_px: int
    """Scenery beyond each edge of the frame, which an unsteady camera may show."""
    counter: Array
    """The empty kitchen, float32 [3, H + 2 margin, W + 2 margin]."""
    light: Array
    """What the light does to each pixel's colour, a factor of the same shape."""
    open_hand: Sprite
    closed_hand: Sprite
    box_inside: Sprite
    box_front: Sprite
    lamp_off: Sprite
    lamp_on: Sprite
    flap_colour: Colour
    sway_px: float
    """Standard deviation of the camera's shake."""


def decorate(config: KitchenConfig, participant_id: str, video_id: str) -> Decor:
    """Furnish the kitchen of one participant for one video."""
    home = rng_for(config.seed, "kitchen", participant_id)
    day = rng_for(config.seed, "light", video_id)
    unit_px = config.height
    margin_px = max(2, unit_px // 24)
    rows = (np.arange(config.height + 2 * margin_px) + 0.5 - margin_px - config.height / 2) / unit_px
    columns = (np.arange(config.width + 2 * margin_px) + 0.5 - margin_px - config.width / 2) / unit_px
    x, y = np.meshgrid(columns, rows)
    skin, sleeve, wood = _pick(home, SKINS), _pick(home, SLEEVES), _pick(home, WOODS)
    return Decor(
        unit_px=unit_px,
        margin_px=margin_px,
        counter=_paint_counter(home, x, y).astype(np.float32),
        light=_shine(home, day, x, y).astype(np.float32),
        open_hand=_paint_hand(skin, sleeve, unit_px, closed=False),
        closed_hand=_paint_hand(skin, sleeve, unit_px, closed=True),
        box_inside=paint([Layer(box(0, *BOX_CORNERS, 0.02), _dim(wood, 0.35))], BOX_EXTENT, unit_px),
        box_front=_paint_box_front(wood, unit_px),
        lamp_off=_paint_lamp(unit_px, on=False),
        lamp_on=_paint_lamp(unit_px, on=True),
        flap_colour=_pick(home, FLAPS),
        sway_px=float(home.uniform(0.2, 0.5)) * unit_px / 64,
    )


def paint_flap(decor: Decor, width: float, scale: float) -> Sprite:
    """The flap at one moment of its swing, anchored at the middle of its hinge; see `Pose.flap`."""
    reach, height = 2.3 * OBJECT_RADIUS * scale, 1.25 * OBJECT_RADIUS * scale
    # Turned towards the window it is lighter, turned away darker.
    colour = _dim(decor.flap_colour, 1.0 - 0.25 * width)
    edge = reach * width if abs(width) > 0.06 else 0.06 * reach
    panel = box(0.0, -height, edge, height, 0.01)
    handle = disc(edge * 0.86, 0.0, 0.02)
    frame = outline(panel, 0.03)
    layers = [Layer(panel, colour), Layer(frame, _dim(colour, 0.6)), Layer(handle, _dim(colour, 0.3))]
    return paint(layers, (-0.66, -0.36, 0.66, 0.36), decor.unit_px)


def _pick(rng: np.random.Generator, palette: tuple[Colour, ...]) -> Colour:
    """A colour of the palette, slightly off."""
    red, green, blue = np.asarray(palette[rng.integers(len(palette))]) + rng.uniform(-0.04, 0.04, 3)
    return float(red), float(green), float(blue)


def _dim(colour: Colour, factor: float) -> Colour:
    red, green, blue = (min(1.0, part * factor) for part in colour)
    return red, green, blue


def _paint_counter(rng: np.random.Generator, x: Array, y: Array) -> Array:
    """A counter of wood, stone, tiles or plain paint below a tiled wall, [3, H, W]."""
    base = np.reshape(_pick(rng, COUNTERS), (3, 1, 1))
    wall = np.reshape(_pick(rng, WALLS), (3, 1, 1))
    phase = rng.uniform(0.0, 6.0)
    grain = (
        0.03 * np.sin(70 * y + 2 * np.sin(4 * x + phase)) + 0.08 * (np.mod(y * 4 + phase, 1) < 0.08),
        0.03 * rng.standard_normal(x.shape),
        0.07 * ((np.mod(x * 5 + phase, 1) < 0.1) | (np.mod(y * 5, 1) < 0.1)),
        0.03 * np.sin(9 * x + phase) * np.cos(7 * y),
    )[rng.integers(4)]
    course = (y - WALL_BOTTOM) * 12
    grout = (np.mod(course, 1) < 0.2) | (np.mod(x * 5 + 0.5 * np.floor(course), 1) < 0.09)
    counter = np.where(y < WALL_BOTTOM, wall - 0.08 * grout, base - grain)
    edge = np.clip(1.0 - np.abs(y - WALL_BOTTOM) / 0.02, 0.0, 1.0)
    return np.clip(counter - 0.2 * edge, 0.0, 1.0)


def _shine(home: np.random.Generator, day: np.random.Generator, x: Array, y: Array) -> Array:
    """Warm or cool light from one side, brighter on some days, [3, H, W]."""
    warmth = home.uniform(-0.06, 0.06)
    tint = np.reshape((1.0 + warmth, 1.0, 1.0 - warmth), (3, 1, 1))
    angle, slope = day.uniform(0.0, 2 * np.pi), day.uniform(0.05, 0.20)
    brightness = day.uniform(0.85, 1.02) + slope * (np.cos(angle) * x + np.sin(angle) * y)
    return np.asarray(tint * brightness)


def _paint_hand(skin: Colour, sleeve: Colour, unit_px: int, *, closed: bool) -> Sprite:
    """A hand that reaches up; its anchor is where thumb and fingers meet."""
    dark = _dim(skin, 0.8)
    tips, thumb = ((-0.08, -0.08), (0.0, -0.11), (0.07, -0.08)), (-0.14, 0.03)
    if closed:
        tips, thumb = ((-0.05, -0.01), (-0.01, -0.03), (0.03, -0.02)), (-0.05, 0.05)
    layers = [
        Layer(capsule(0.04, 0.25, 0.13, 1.2, 0.06, 0.09), skin),
        Layer(capsule(0.075, 0.46, 0.13, 1.2, 0.09, 0.13), sleeve),
        Layer(capsule(0.0, 0.13, 0.03, 0.19, 0.085, 0.075), skin),
    ]
    for number, (tip_x, tip_y) in enumerate(tips):
        root_x = -0.05 + 0.05 * number
        layers.append(Layer(capsule(root_x, 0.10, tip_x, tip_y, 0.036, 0.03), dark))
        layers.append(Layer(capsule(root_x, 0.10, tip_x, tip_y, 0.028, 0.022), skin))
    layers.append(Layer(capsule(-0.06, 0.15, *thumb, 0.036, 0.03), dark))
    layers.append(Layer(capsule(-0.06, 0.15, *thumb, 0.028, 0.022), skin))
    return paint(layers, (-0.2, -0.16, 0.3, 1.2), unit_px)


def _paint_box_front(wood: Colour, unit_px: int) -> Sprite:
    """The top of the box, under which the object disappears; anchored at its left edge."""
    layers = [
        Layer(box(0.05, *BOX_CORNERS, 0.02), wood),
        Layer(box(0.05, -0.36, 0.09, 0.36, 0.01), _dim(wood, 1.35)),
        Layer(capsule(0.15, -0.12, 0.60, -0.12, 0.008), _dim(wood, 0.75)),
        Layer(capsule(0.15, 0.12, 0.60, 0.12, 0.008), _dim(wood, 0.75)),
    ]
    return paint(layers, BOX_EXTENT, unit_px)


def _paint_lamp(unit_px: int, *, on: bool) -> Sprite:
    """A lamp in its socket; lit it throws a halo."""
    glow, socket = (1.0, 0.88, 0.35), (0.25, 0.25, 0.28)
    layers = [Layer(disc(0, 0, 0.27), glow, opacity=0.85, blur=0.5)] if on else []
    layers += [
        Layer(disc(0, 0, 0.105), socket),
        Layer(disc(0, 0, 0.08), (1.0, 0.97, 0.75) if on else (0.38, 0.36, 0.35)),
    ]
    return paint(layers, (-0.55, -0.55, 0.55, 0.55), unit_px)
