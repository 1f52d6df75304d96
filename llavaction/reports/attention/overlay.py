"""Attention laid over frames as colours.

T frames, h pooled tokens per side, R resolution.
"""

from __future__ import annotations

import numpy as np

PEAK = 99.0
"""Percentile of a row's patches that gets the strongest colour: single patches that much is parked on would leave the
others pale."""
LEAST_PEAK = 4
"""The strongest colour stands for this times the row's mean or more: even attention stays pale."""
_COLOURS = np.array([(255, 255, 204), (254, 178, 76), (252, 78, 42), (128, 0, 38)])
_STOPS = np.linspace(0, 1, len(_COLOURS))
"""Strengths of these colours, from pale yellow to dark red; between them colours are mixed."""
_MOST_INK, _PALE = 0.85, 0.35
_GREY = np.array([0.299, 0.587, 0.114], np.float32)


def lay_over(frames: np.ndarray, map_Thh: np.ndarray, cover: float) -> np.ndarray:
    """Pale grey frames with patches in the colour of their attention, up to dark red, uint8 `[T, R, R, 3]`.

    Args:
        frames: uint8 `[T, R, R, 3]`.
        map_Thh: strength of each patch, from 0 to 1.
        cover: part of a frame's side that its patches show; the rest gets no colour.
    """
    heat = _enlarge(map_Thh, frames.shape[1], cover)
    colours = np.stack([np.interp(heat, _STOPS, channel) for channel in _COLOURS.T], axis=-1)
    # Pale, so that the darkest places are those that are looked at.
    grey = (_PALE * 255 + (1 - _PALE) * (frames @ _GREY))[..., None]
    ink = (_MOST_INK * heat * _is_covered(frames.shape[1], cover))[..., None]
    mixed: np.ndarray = np.rint((1 - ink) * grey + ink * colours).astype(np.uint8)
    return mixed


def strengths(map_Thh: np.ndarray) -> np.ndarray:
    """Weights of attention as strengths from 0 to 1, on one scale for all frames: see `PEAK` and `LEAST_PEAK`."""
    peak = max(float(np.percentile(map_Thh, PEAK)), LEAST_PEAK * float(map_Thh.mean()), np.finfo(np.float32).tiny)
    strong: np.ndarray = np.clip(map_Thh / peak, 0, 1)
    return strong


def _enlarge(map_Thh: np.ndarray, resolution: int, cover: float) -> np.ndarray:
    """Each patch as large as it is in the frame, with sharp edges: smooth ones would tell of places not looked at."""
    side = map_Thh.shape[-1]
    cells = np.minimum((np.arange(resolution) + 0.5) / (resolution * cover) * side, side - 1).astype(int)
    enlarged: np.ndarray = map_Thh[:, cells[:, None], cells]
    return enlarged


def _is_covered(resolution: int, cover: float) -> np.ndarray:
    inside = (np.arange(resolution) + 0.5) / resolution < cover
    return inside[:, None] & inside
