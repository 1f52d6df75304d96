"""Readers of prediction files: one file per format, and one table of all of them in `formats`."""

from __future__ import annotations

from llavaction.specialists.readers.formats import PredictionsFormat, read_predictions

__all__ = ["PredictionsFormat", "read_predictions"]
