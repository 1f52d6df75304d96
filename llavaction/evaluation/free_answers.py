"""A model's own words as ranked predictions, so that its free answers give candidates and distractors. No torch."""

from __future__ import annotations

import logging
from pathlib import Path

from llavaction.evaluation.config import TaskName
from llavaction.evaluation.predictions import Row, read_rows
from llavaction.sft.classes import ClassTable
from llavaction.sft.nearest_classes import NearestClasses
from llavaction.specialists.predictions import TopKPredictions
from llavaction.specialists.ranking import TOP_K
from llavaction.text.encoders import TextEncoder
from llavaction.text.matching import normalise
from llavaction.utils.errors import DataError

logger = logging.getLogger(__name__)


def free_answer_predictions(
    path: Path, classes: ClassTable, encoder: TextEncoder, top_k: int | None = None
) -> TopKPredictions:
    """The classes whose texts are nearest to each written answer; see `NearestClasses`.

    Answers without words rank the classes by id alone; a warning tells how many there are.

    Args:
        path: JSONL rows of a task of kind `direct`.
        classes: those that the answers are about, as the run that wrote the rows keeps them.
        top_k: classes kept of each segment; None keeps as many as of other predictions, or all where there are fewer.

    Raises:
        ConfigError: when `top_k` is not in 1..number of classes.
        DataError: when rows are of another kind, have no written answer, or two are about one segment.
    """
    rows = read_rows(path)
    answers = [_answer(path, row) for row in rows]
    wordless = [row.segment_id for row, answer in zip(rows, answers, strict=True) if not normalise(answer)]
    if wordless:
        logger.warning(
            "%s: %d of %d answers have no words (first: %s); all classes are equally far from them and rank by id",
            *(path, len(wordless), len(rows), wordless[0]),
        )
    kept = min(TOP_K, len(classes.actions)) if top_k is None else top_k
    ranked = NearestClasses(encoder, classes).rank_scored(answers, kept)
    return TopKPredictions(
        f"{path} by {encoder.name}",
        tuple(row.segment_id for row in rows),
        ranked.action_ids,
        ranked.similarities,
    )


def _answer(path: Path, row: Row) -> str:
    """What the model wrote.

    Raises:
        DataError: when it wrote nothing, as another task does not ask it to, or its video could not be read.
    """
    if row.kind is not TaskName.DIRECT:
        raise DataError(
            f"{path}: row {row.sample_id!r} of task {row.task!r} is of kind {row.kind}; only rows of a task of kind "
            "direct answer in words of their own"
        )
    if row.raw is None:
        raise DataError(
            f"{path}: row {row.sample_id!r} of task {row.task!r} has no written answer"
            + (f" ({row.excluded})" if row.excluded else "")
            + "; every segment needs one: evaluate again"
        )
    return row.raw
