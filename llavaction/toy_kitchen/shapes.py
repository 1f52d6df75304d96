"""Painting with blobs: signed distances in NumPy make smooth sprites, sprites are laid over frames.

Shapes are drawn in scene units (x right, y down, 1 = the height of the frame) around an anchor at (0, 0).
Legend of array shapes: H and W pixels; colours are RGB in [0, 1], channel first.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np

Array: TypeAlias = np.ndarray
Colour: TypeAlias = tuple[float, float, float]
Distance: TypeAlias = Callable[[Array, Array], Array]
"""From x and y [H, W] to how far each pixel lies outside the shape (negative: inside)."""


@dataclass(frozen=True)
class Layer:
    """One coat of paint."""

    distance: Distance
    colour: Colour
    opacity: float = 1.0
    blur: float = 0.0
    """Width of a soft edge in scene units; 0 is sharp (one pixel)."""


@dataclass(frozen=True)
class Sprite:
    """A painted picture: colour times coverage [3, H, W], coverage [H, W], and the pixel of its anchor."""

    colour: Array
    coverage: Array
    anchor_x: int
    anchor_y: int


def capsule(x0: float, y0: float, x1: float, y1: float, r0: float, r1: float | None = None) -> Distance:
    """A line with round ends whose radius runs from `r0` to `r1`."""
    length_sq = max((x1 - x0) ** 2 + (y1 - y0) ** 2, 1e-12)
    growth = (r0 if r1 is None else r1) - r0

    def distance(x: Array, y: Array) -> Array:
        along = np.clip(((x - x0) * (x1 - x0) + (y - y0) * (y1 - y0)) / length_sq, 0.0, 1.0)
        return np.hypot(x - x0 - along * (x1 - x0), y - y0 - along * (y1 - y0)) - (r0 + growth * along)

    return distance


def disc(x0: float, y0: float, radius: float) -> Distance:
    """A filled circle."""
    return lambda x, y: np.hypot(x - x0, y - y0) - radius


def box(x0: float, y0: float, x1: float, y1: float, rounding: float = 0.0) -> Distance:
    """A rectangle between two corners, with rounded corners."""
    middle_x, middle_y = (x0 + x1) / 2, (y0 + y1) / 2
    half_x, half_y = abs(x1 - x0) / 2 - rounding, abs(y1 - y0) / 2 - rounding

    def distance(x: Array, y: Array) -> Array:
        over_x, over_y = np.abs(x - middle_x) - half_x, np.abs(y - middle_y) - half_y
        outside = np.hypot(np.maximum(over_x, 0.0), np.maximum(over_y, 0.0))
        return outside + np.minimum(np.maximum(over_x, over_y), 0.0) - rounding

    return distance


def outline(shape: Distance, width: float) -> Distance:
    """The rim of a shape."""
    return lambda x, y: np.abs(shape(x, y)) - width / 2


def below(shape: Distance, top: float) -> Distance:
    """The part of a shape that lies below the line y = top."""
    return lambda x, y: np.maximum(shape(x, y), top - y)


def paint(
    layers: Sequence[Layer],
    extent: tuple[float, float, float, float],
    unit_px: int,
    *,
    scale: float = 1.0,
    turn: float = 0.0,
    mirror: bool = False,
) -> Sprite:
    """Paint layers over each other, first to last.

    Args:
        layers: what to paint, in scene units.
        extent: left, top, right, bottom of the drawing in scene units, before scaling and turning.
        unit_px: pixels per scene unit.
        scale: size factor.
        turn: rotation in radians.
        mirror: swap left and right.
    """
    left, top, right, bottom = extent
    if turn or mirror:
        reach = float(np.hypot(max(-left, right), max(-top, bottom)))
        left, top, right, bottom = -reach, -reach, reach, reach
    columns = np.arange(np.floor(left * scale * unit_px), np.ceil(right * scale * unit_px) + 1)
    rows = np.arange(np.floor(top * scale * unit_px), np.ceil(bottom * scale * unit_px) + 1)
    x, y = np.meshgrid(columns / (scale * unit_px), rows / (scale * unit_px))
    x, y = x * np.cos(turn) + y * np.sin(turn), y * np.cos(turn) - x * np.sin(turn)
    if mirror:
        x = -x
    colour, coverage = np.zeros((3, *x.shape)), np.zeros(x.shape)
    for layer in layers:
        edge = max(layer.blur, 1.0 / (scale * unit_px))
        cover = layer.opacity * np.clip(0.5 - layer.distance(x, y) / edge, 0.0, 1.0)
        colour = colour * (1.0 - cover) + np.reshape(layer.colour, (3, 1, 1)) * cover
        coverage = coverage * (1.0 - cover) + cover
    return Sprite(colour.astype(np.float32), coverage.astype(np.float32), int(-columns[0]), int(-rows[0]))


def lay(frame: Array, sprite: Sprite, x: float, y: float, opacity: float = 1.0) -> None:
    """Lay a sprite over a frame [3, H, W] in place, its anchor at pixel (x, y); what sticks out is cut."""
    left, top = round(x) - sprite.anchor_x, round(y) - sprite.anchor_y
    height, width = sprite.coverage.shape
    first_row, last_row = max(0, top), min(frame.shape[1], top + height)
    first_column, last_column = max(0, left), min(frame.shape[2], left + width)
    if opacity <= 0.0 or first_row >= last_row or first_column >= last_column:
        return
    rows = slice(first_row - top, last_row - top)
    columns = slice(first_column - left, last_column - left)
    target = frame[:, first_row:last_row, first_column:last_column]
    target *= 1.0 - opacity * sprite.coverage[rows, columns]
    target += opacity * sprite.colour[:, rows, columns]
