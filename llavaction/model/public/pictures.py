"""How public configurations say what a picture becomes: `image_aspect_ratio` and `image_grid_pinpoints`. No torch."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any

from llavaction.model.config import PictureMode
from llavaction.model.picture_layout import Grid, PictureLayout, all_grids
from llavaction.utils.errors import ConfigError

_WORDS = {"square": PictureMode.WHOLE, "pad": PictureMode.WHOLE_PADDED}
_ANYRES = re.compile(r"anyres(?:_max_([1-9]\d*))?")
_RANGE = re.compile(r"\((\d+)x(\d+)\)(?:,\.\.\.)?,\((\d+)x(\d+)\)")


def parse_pictures(fields: Mapping[str, Any], tile_size: int) -> PictureLayout:
    """The layout that a public configuration describes.

    Without a word the public code shows pictures as squares; the grids of its training scripts are those of
    `all_grids`.

    Args:
        tile_size: pixels along a side of the vision tower's frames.

    Raises:
        ConfigError: when a word is not known, or grids are not whole tiles.
    """
    word = str(fields.get("image_aspect_ratio") or "square")
    anyres = _ANYRES.fullmatch(word)
    if anyres:
        grids = _grids(fields.get("image_grid_pinpoints"), tile_size)
        return PictureLayout(PictureMode.ANYRES, tile_size, grids, int(anyres[1] or 0))
    if word not in _WORDS:
        known = [*_WORDS, "anyres", "anyres_max_N"]
        raise ConfigError(f"image_aspect_ratio = {word!r}: known are {known}")
    return PictureLayout(_WORDS[word])


def picture_fields(layout: PictureLayout) -> dict[str, Any]:
    """The public fields of a layout.

    Raises:
        ConfigError: for pictures as videos, which the public format has no word for.
    """
    if layout.mode is PictureMode.ANYRES:
        size = layout.tile_size
        return {
            "image_aspect_ratio": f"anyres_max_{layout.max_tiles}" if layout.max_tiles else "anyres",
            "image_grid_pinpoints": [[columns * size, rows * size] for rows, columns in layout.grids],
        }
    for word, mode in _WORDS.items():
        if mode is layout.mode:
            return {"image_aspect_ratio": word}
    raise ConfigError(f"pictures = {layout.mode}: the public format has no word for it")


def public_pictures(tile_size: int) -> PictureLayout:
    """What the public models of this kind were trained with, and what is written where a model says nothing."""
    return PictureLayout(PictureMode.ANYRES, tile_size, all_grids(), max_tiles=9)


def with_mode(found: PictureLayout | None, wanted: PictureMode | None, tile_size: int) -> PictureLayout | None:
    """The layout `found`, or another if that is wanted: its tiles are then those of the public models."""
    if wanted is None or (found is not None and found.mode is wanted):
        return found
    if wanted is PictureMode.ANYRES:
        return public_pictures(tile_size)
    return None if wanted is PictureMode.AS_VIDEO else PictureLayout(wanted)


def _grids(pinpoints: Any, tile_size: int) -> tuple[Grid, ...]:
    """Rows and columns of tiles. Public pairs are the other way round: width and height."""
    if pinpoints is None:
        return all_grids()
    try:
        pairs = [(width / tile_size, height / tile_size) for width, height in _pairs(pinpoints, tile_size)]
    except (TypeError, ValueError):
        pairs = []
    if not pairs or any(number < 1 or number % 1 for pair in pairs for number in pair):
        raise ConfigError(
            f"image_grid_pinpoints = {pinpoints!r}: expected pairs of width and height, each a multiple of the vision "
            f"tower's {tile_size} pixels, or a range such as '(1x1),...,(6x6)'"
        )
    return tuple((int(rows), int(columns)) for columns, rows in pairs)


def _pairs(pinpoints: Any, tile_size: int) -> Any:
    """Widths and heights in pixels: a list, the list as text, or a range of tiles as text."""
    if not isinstance(pinpoints, str):
        return pinpoints
    text = re.sub(r"\s", "", pinpoints)
    bounds = _RANGE.fullmatch(text)
    if bounds is None:
        return json.loads(text.translate(str.maketrans("()", "[]")))
    first_column, first_row, last_column, last_row = (int(number) for number in bounds.groups())
    columns, rows = range(first_column, last_column + 1), range(first_row, last_row + 1)
    return [(column * tile_size, row * tile_size) for column in columns for row in rows]
