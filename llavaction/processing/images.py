"""Frames as the vision tower wants them. transformers' own SigLIP processor needs torchvision; this does not.

T frames, H height, W width, R resolution of the tower.
"""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

MEAN = 0.5
STD = 0.5


def prepare_frames(frames_THW3: np.ndarray, resolution: int) -> Tensor:
    """Resize uint8 RGB frames and scale them to [-1, 1]: float32 `[T, 3, R, R]`.

    Bicubic with antialiasing straight to a square (the aspect ratio is not kept), rounded to uint8, then
    (x / 255 - 0.5) / 0.5: SigLIP's preprocessing as the public models were trained with it.
    """
    pixels_T3HW = torch.from_numpy(np.ascontiguousarray(frames_THW3)).permute(0, 3, 1, 2)
    if pixels_T3HW.shape[-2:] != (resolution, resolution):
        # On uint8 torch filters in integers and rounds, as Pillow does.
        pixels_T3HW = functional.interpolate(
            pixels_T3HW, size=(resolution, resolution), mode="bicubic", antialias=True, align_corners=False
        )
    return (pixels_T3HW.float() / 255 - MEAN) / STD
