"""A model's own earlier answers, told in the questions behind them (paper, sequential action prediction). No torch."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

from llavaction.evaluation.predictions import Row
from llavaction.evaluation.questions import hash_question
from llavaction.sft.samples import Sample
from llavaction.utils.errors import DataError


def own_answers(sample: Sample, history: Mapping[str, Row], task: str) -> list[str] | None:
    """The model's answers to the earlier actions of a question; None when it has none, or one cannot be read.

    Args:
        history: rows so far, by segment.
        task: the task's name, for errors.

    Raises:
        DataError: when an earlier action has not been asked about.
    """
    texts: list[str | None] = []
    for action in sample.prior:
        row = history.get(action.segment_id)
        if row is None:
            raise DataError(
                f"sample {sample.sample_id!r} tells the action of segment {action.segment_id!r}, which is not among "
                f"the questions of task {task!r} before it; ask whole videos (no limit, no num_questions)"
            )
        texts.append(None if row.chosen_idx is None else row.options[row.chosen_idx])
    known = [text for text in texts if text is not None]
    return known if known and len(known) == len(texts) else None


def as_told(row: Row, sample: Sample, told: Sequence[str] | None) -> Row:
    """The row of a question that was asked with other words: it answers the sample, and says what was told."""
    return replace(row, question_sha256=hash_question(sample), told=tuple(told or ()))
