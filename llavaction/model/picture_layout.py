"""How a picture is cut into views, and which patches of them are kept: shared by pixels, text and model. No torch.

The numbers are those of public models with `anyres_max_9` and `spatial_unpad`, as LLaVA-OneVision's implementation in
transformers has them.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import NamedTuple

from llavaction.model.config import PictureMode
from llavaction.utils.errors import ConfigError

Size = tuple[int, int]
"""Height and width."""
Grid = tuple[int, int]
"""Rows and columns of tiles."""

NO_PICTURE: Size = (0, 0)
"""Stands for the size of a picture where there is a video."""
SHRINK_ABOVE = 1.1
"""Sides are shortened when they exceed their limit by more than this factor."""


class PatchMap(NamedTuple):
    """The patches of all tiles as one map: what is kept of it, and how large it becomes.

    Attributes:
        grid: the tiles.
        top, left: patches cut off at the top and, as many, at the bottom; at the left and the right.
        rows, columns: of what remains, after it was made smaller.
    """

    grid: Grid
    top: int
    left: int
    rows: int
    columns: int

    @property
    def num_tokens(self) -> int:
        """Its patches, and a newline after each row."""
        return self.rows * (self.columns + 1)


def all_grids(side: int = 6) -> tuple[Grid, ...]:
    """All grids of up to `side` rows and columns; 6 as in public models ("(1x1),...,(6x6)")."""
    return tuple((rows, columns) for rows in range(1, side + 1) for columns in range(1, side + 1))


@dataclass(frozen=True)
class PictureLayout:
    """How pictures become views.

    Attributes:
        mode: in which way at all.
        tile_size: side of a view in pixels.
        grids: for `anyres`: the grids to choose from; of equally good ones the first is taken.
        max_tiles: for `anyres`: the map of all tiles' patches is made smaller when it has more patches than so many
            tiles; 0 never.
    """

    mode: PictureMode = PictureMode.AS_VIDEO
    tile_size: int = 0
    grids: tuple[Grid, ...] = ()
    max_tiles: int = 0

    def __post_init__(self) -> None:
        if self.mode is not PictureMode.ANYRES:
            return
        if self.tile_size < 1 or self.max_tiles < 0:
            raise ConfigError(f"anyres with tiles of {self.tile_size} px, {self.max_tiles} at most: must be above 0")
        if not self.grids or any(len(grid) != 2 or min(grid) < 1 for grid in self.grids):
            raise ConfigError(f"anyres with the grids {list(self.grids)}: each needs rows and columns, 1 or more")

    def best_grid(self, size: Size) -> Grid:
        """The grid on which most pixels of a picture are shown, and of several the one with the smallest rest.

        Args:
            size: of the picture, in pixels.
        """
        height, width = size

        def merit(grid: Grid) -> tuple[int, int]:
            grid_height, grid_width = grid[0] * self.tile_size, grid[1] * self.tile_size
            scale = min(grid_width / width, grid_height / height)
            shown = min(int(width * scale) * int(height * scale), width * height)
            return shown, shown - grid_height * grid_width

        return max(self.grids, key=merit)

    def num_views(self, size: Size, is_alone: bool) -> int:
        """Views of a picture: itself, and its tiles where it is the only one of its sample."""
        if self.mode is not PictureMode.ANYRES or not is_alone:
            return 1
        rows, columns = self.best_grid(size)
        return 1 + rows * columns

    def patch_map(self, size: Size, side: int) -> PatchMap:
        """What of the tiles' patches is kept: not the bars that filled the grid up, and not more than `max_tiles`.

        Args:
            size: of the picture, in pixels.
            side: patches along one side of a tile.
        """
        grid = self.best_grid(size)
        rows, columns = grid[0] * side, grid[1] * side
        top, left = _bars(size, (rows, columns))
        rows, columns = rows - 2 * top, columns - 2 * left
        excess = math.sqrt(rows * columns / (self.max_tiles * side**2)) if self.max_tiles else 1.0
        if excess > SHRINK_ABOVE:
            rows, columns = max(1, int(rows // excess)), max(1, int(columns // excess))
        return PatchMap(grid, top, left, rows, columns)


AS_VIDEO = PictureLayout()
"""Pictures are videos of one frame."""


def fitted(size: Size, area: Size) -> Size:
    """The largest size of a picture's shape, rounded up, that fits into `area`."""
    (height, width), (area_height, area_width) = size, area
    scale_height, scale_width = area_height / height, area_width / width
    if scale_width < scale_height:
        return min(math.ceil(height * scale_width), area_height), area_width
    return area_height, min(math.ceil(width * scale_height), area_width)


def _bars(size: Size, area: Size) -> tuple[int, int]:
    """Whole units of `area` above, and left of, a picture that fills it along one side and lies in its middle.

    In integers: the public code multiplies by a rounded quotient and in rare sizes loses a row to it; transformers
    rounds that away.
    """
    (height, width), (area_height, area_width) = size, area
    if width * area_height > area_width * height:
        return (area_height - height * area_width // width) // 2, 0
    return 0, (area_width - width * area_height // height) // 2
