"""Frames as the vision tower wants them. transformers' own SigLIP processor needs torchvision; this does not.

T frames, H height, W width, R resolution of the tower.
"""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional


def prepare_frames(frames_THW3: np.ndarray, resolution: int) -> Tensor:
    """Resize uint8 RGB frames: uint8 `[T, 3, R, R]`.

    Bicubic with antialiasing straight to a square (the aspect ratio is not kept), rounded to whole colours: SigLIP's
    preprocessing as the public models were trained with it. The model does the rest, which is to scale them.
    """
    pixels_T3HW = torch.from_numpy(np.ascontiguousarray(frames_THW3)).permute(0, 3, 1, 2)
    if pixels_T3HW.shape[-2:] == (resolution, resolution):
        return pixels_T3HW
    # All frames in one call, which is several times faster than one by one, in the order in which they lie in memory
    # (colours innermost). On uint8 torch filters in integers and rounds, as Pillow does.
    return functional.interpolate(
        pixels_T3HW, size=(resolution, resolution), mode="bicubic", antialias=True, align_corners=False
    )


def join_frames(parts: Iterable[Tensor], resolution: int) -> Tensor:
    """Frames of several media or samples one after the other: uint8 `[T, 3, R, R]`; none where there are none."""
    shown = [part for part in parts if len(part)]
    if not shown:
        return torch.empty((0, 3, resolution, resolution), dtype=torch.uint8)
    # An empty part beside the others would have torch turn colours outermost, which costs more than the copy.
    return shown[0] if len(shown) == 1 else torch.cat(shown)
