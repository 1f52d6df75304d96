"""Fewer tokens per frame, and newlines between them.

T frames, N patches per frame, h pooled tokens per side, D width.
"""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional

from llavaction.model.config import NewlinePosition, PoolMode
from llavaction.model.token_layout import pooled_side


def pool_frames(patches_TND: Tensor, stride: int, mode: PoolMode = PoolMode.BILINEAR) -> Tensor:
    """Pooling of square patch grids to h per side, see `pooled_side`: `[T, h, h, D]`.

    Bilinear: no antialiasing, corners not aligned (paper section 3.2; 27 to 14 per side for stride 2). Average and max
    pool whole cells of stride x stride patches (27 to 13), as the public code does; what is left at the border is not
    seen.
    """
    num_frames, num_patches, width = patches_TND.shape
    side = int(num_patches**0.5)
    grid_TDhh = patches_TND.transpose(1, 2).reshape(num_frames, width, side, side)
    if stride > 1 and mode is PoolMode.BILINEAR:
        pooled = pooled_side(side, stride, mode)
        grid_TDhh = functional.interpolate(grid_TDhh, size=(pooled, pooled), mode="bilinear", align_corners=False)
    elif stride > 1 and mode is PoolMode.AVERAGE:
        grid_TDhh = functional.avg_pool2d(grid_TDhh, stride)
    elif stride > 1:
        grid_TDhh = functional.max_pool2d(grid_TDhh, stride)
    return grid_TDhh.permute(0, 2, 3, 1)


def add_newlines(pooled_ThhD: Tensor, newline_D: Tensor, position: NewlinePosition) -> Tensor:
    """The visual sequence `[n, D]` of one video, newline vectors at their places."""
    num_frames, rows, _, width = pooled_ThhD.shape
    newline_D = newline_D.to(pooled_ThhD.dtype)
    if position is NewlinePosition.GRID:
        ends = newline_D.expand(num_frames, rows, 1, width)
        return torch.cat([pooled_ThhD, ends], dim=2).reshape(-1, width)
    if position is NewlinePosition.FRAME:
        ends = newline_D.expand(num_frames, 1, width)
        return torch.cat([pooled_ThhD.reshape(num_frames, -1, width), ends], dim=1).reshape(-1, width)
    return torch.cat([pooled_ThhD.reshape(-1, width), newline_D[None]])
