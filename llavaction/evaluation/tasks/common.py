"""What the rows of all tasks share."""

from __future__ import annotations

from typing import Any

from llavaction.evaluation.config import TaskName
from llavaction.evaluation.predictions import Row
from llavaction.sft.samples import Sample
from llavaction.utils.errors import DataError


def make_row(name: str, kind: TaskName, sample: Sample, **answer: Any) -> Row:
    """A row for `sample`.

    Raises:
        DataError: when the sample's classes are not known.
    """
    if sample.action is None:
        raise DataError(f"sample {sample.sample_id!r} has no action label; task {name!r} cannot be scored on it")
    return Row(
        task=name,
        kind=kind,
        sample_id=sample.sample_id,
        segment_id=sample.segment_id,
        truth=(sample.action.verb_id, sample.action.noun_id, sample.action.action_id),
        answer=sample.answer,
        **answer,
    )
