"""The visual sequence of each medium: pooled frames of a video, or the views of a picture.

T frames and views of all media, V views of a picture, N patches per frame, h patches or pooled tokens per side,
n visual tokens of all media, D width.
"""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional

from llavaction.model.picture_layout import NO_PICTURE, PatchMap, Size
from llavaction.model.pooling import add_newlines, pool_frames
from llavaction.model.token_layout import TokenLayout


def visual_sequences(
    patches_TND: Tensor,
    newline_D: Tensor,
    layout: TokenLayout,
    num_frames: list[int],
    picture_sizes: list[Size] | None = None,
) -> Tensor:
    """Visual sequences of all media one after the other, newlines included: `[n, D]`.

    Args:
        num_frames: how many of the T belong to each medium.
        picture_sizes: height and width of each picture in pixels, `NO_PICTURE` for a video; None when all are videos.

    Raises:
        ValueError: when there are not as many sizes as media, or a picture's views are not those of its size.
    """
    sizes = [NO_PICTURE] * len(num_frames) if picture_sizes is None else picture_sizes
    media = zip(patches_TND.split(num_frames), sizes, strict=True)
    newline_D = newline_D.to(patches_TND.dtype)
    return torch.cat(
        [
            _video(patches, newline_D, layout) if size == NO_PICTURE else _picture(patches, newline_D, layout, size)
            for patches, size in media
        ]
    )


def _video(patches_TND: Tensor, newline_D: Tensor, layout: TokenLayout) -> Tensor:
    pooled_ThhD = pool_frames(patches_TND, layout.pool_stride, layout.pool_mode)
    return add_newlines(pooled_ThhD, newline_D, layout.newline)


def _picture(patches_VND: Tensor, newline_D: Tensor, layout: TokenLayout, size: Size) -> Tensor:
    """All patches of the whole picture; then a newline, or the map of its tiles."""
    whole_ND, tiles_VND = patches_VND[0], patches_VND[1:]
    if not len(tiles_VND):
        return torch.cat([whole_ND, newline_D[None]])
    side = layout.patches_per_side
    patch_map = layout.pictures.patch_map(size, side)
    rows, columns = patch_map.grid
    if len(tiles_VND) != rows * columns:
        raise ValueError(
            f"a picture of {size[0]} x {size[1]} pixels has {rows} x {columns} tiles, but {len(tiles_VND)} were given; "
            "processor and model differ in their settings for pictures"
        )
    map_hhD = tiles_VND.reshape(rows, columns, side, side, -1).transpose(1, 2).reshape(rows * side, columns * side, -1)
    return torch.cat([whole_ND, _tokens_of_map(map_hhD, newline_D, patch_map)])


def _tokens_of_map(map_hhD: Tensor, newline_D: Tensor, patch_map: PatchMap) -> Tensor:
    """Bars cut off, made smaller if it is too large (bilinear, corners not aligned, no antialiasing), rows ended."""
    height, width, _ = map_hhD.shape
    kept_hhD = map_hhD[patch_map.top : height - patch_map.top, patch_map.left : width - patch_map.left]
    if kept_hhD.shape[:2] != (patch_map.rows, patch_map.columns):
        kept_1Dhh = kept_hhD.permute(2, 0, 1)[None]
        smaller_1Dhh = functional.interpolate(kept_1Dhh, size=(patch_map.rows, patch_map.columns), mode="bilinear")
        kept_hhD = smaller_1Dhh[0].permute(1, 2, 0)
    ends_h1D = newline_D.expand(patch_map.rows, 1, -1)
    return torch.cat([kept_hhD, ends_h1D], dim=1).flatten(0, 1)
