"""What a sample shows, as views: frames of videos, and pictures whole or in tiles.

Pictures are made larger and smaller by Pillow, as those that public models were trained on: torch's filter, good
enough for frames, now and then rounds a colour the other way.

T frames or views, H height, W width, R resolution of a view.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from llavaction.model.config import PictureMode
from llavaction.model.picture_layout import Grid, PictureLayout, Size, fitted
from llavaction.processing.images import prepare_frames
from llavaction.sft.samples import MediaKind

GREY = 127
"""Of the bars that make a picture square; those beside tiles are black. Both as in the public code."""


@dataclass(frozen=True)
class Shown:
    """A video or picture as the model takes it.

    Attributes:
        pixels: uint8 `[T, 3, R, R]`: frames of a video, views of a picture.
        picture_size: height and width of a picture as it was; None for a video, and for a picture seen as one.
    """

    pixels: Tensor
    picture_size: Size | None = None


def show_media(
    media: Sequence[np.ndarray], kinds: Sequence[MediaKind], layout: PictureLayout, resolution: int
) -> list[Shown]:
    """The media of one sample.

    A picture that is the only one of its sample may be shown in tiles; several are shown whole, as public models were
    taught them. Videos beside it do not count.

    Args:
        media: frames of each, uint8 RGB `[T, H, W, 3]`; a picture is one.
        kinds: what each is.
    """
    is_alone = list(kinds).count(MediaKind.IMAGE) == 1
    return [
        show_picture(frames[0], layout, resolution, is_alone=is_alone)
        if kind is MediaKind.IMAGE and layout.mode is not PictureMode.AS_VIDEO
        else Shown(prepare_frames(frames, resolution))
        for frames, kind in zip(media, kinds, strict=True)
    ]


def show_picture(picture_HW3: np.ndarray, layout: PictureLayout, resolution: int, *, is_alone: bool) -> Shown:
    """A picture, uint8 RGB, in a mode that does not take it for a video.

    Args:
        is_alone: whether it is the only picture of its sample.
    """
    height, width, _ = picture_HW3.shape
    if layout.mode is PictureMode.ANYRES and is_alone:
        whole_1HW3 = _resized(picture_HW3, (resolution, resolution))[None]
        tiles_THW3 = _tiles(picture_HW3, layout.best_grid((height, width)), resolution)
        views_THW3 = np.concatenate([whole_1HW3, tiles_THW3])
    else:
        square_HW3 = picture_HW3 if layout.mode is PictureMode.WHOLE else _padded_to_square(picture_HW3)
        views_THW3 = _resized(square_HW3, (resolution, resolution))[None]
    return Shown(torch.from_numpy(views_THW3).permute(0, 3, 1, 2), (height, width))


def _resized(picture_HW3: np.ndarray, size: Size) -> np.ndarray:
    """Of another height and width: bicubic, over all the pixels that one replaces."""
    from PIL import Image

    height, width = size
    return np.array(Image.fromarray(picture_HW3).resize((width, height), Image.Resampling.BICUBIC))


def _padded_to_square(picture_HW3: np.ndarray) -> np.ndarray:
    """The picture in the middle of a grey square of its longer side."""
    height, width, _ = picture_HW3.shape
    side = max(height, width)
    return _in_the_middle(picture_HW3, np.full((side, side, 3), GREY, dtype=np.uint8))


def _tiles(picture_HW3: np.ndarray, grid: Grid, resolution: int) -> np.ndarray:
    """The picture, as large as its shape allows, in the middle of a black grid: its tiles `[T, R, R, 3]` by rows."""
    rows, columns = grid
    height, width, _ = picture_HW3.shape
    area = (rows * resolution, columns * resolution)
    large_HW3 = _resized(picture_HW3, fitted((height, width), area))
    filled_HW3 = _in_the_middle(large_HW3, np.zeros((*area, 3), dtype=np.uint8))
    tiles = filled_HW3.reshape(rows, resolution, columns, resolution, 3).swapaxes(1, 2)
    return tiles.reshape(-1, resolution, resolution, 3)


def _in_the_middle(picture_HW3: np.ndarray, ground_HW3: np.ndarray) -> np.ndarray:
    """`ground_HW3` with the picture on it; where the bars cannot be equal, the lower and the right are wider."""
    height, width, _ = picture_HW3.shape
    top, left = (ground_HW3.shape[0] - height) // 2, (ground_HW3.shape[1] - width) // 2
    ground_HW3[top : top + height, left : left + width] = picture_HW3
    return ground_HW3
