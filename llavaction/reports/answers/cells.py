"""Cells of what was computed from a task's answers."""

from __future__ import annotations

from llavaction.evaluation.intervals import Estimate
from llavaction.reports.table import Cell


def estimate_cell(estimate: Estimate, run: str, *, num_excluded: int = 0, decimals: int | None = None) -> Cell:
    """A value with its interval and what it rests on.

    Args:
        decimals: of a value that is no share; None for a share.
    """
    return Cell(
        estimate.value,
        estimate.num_rows,
        is_share=decimals is None,
        decimals=decimals or 0,
        low=estimate.low,
        high=estimate.high,
        num_videos=estimate.num_clusters,
        num_excluded=num_excluded,
        run=run,
    )


def count_cell(number: float, num_questions: int, run: str) -> Cell:
    """A whole number."""
    return Cell(number, num_questions, is_share=False, run=run)
