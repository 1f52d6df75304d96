"""What all tasks share: who is asked what, and the rows that come out."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from llavaction.evaluation.answering import Answerer
from llavaction.evaluation.config import EvaluationConfig, TaskConfig
from llavaction.evaluation.predictions import Row
from llavaction.sft.samples import Sample
from llavaction.utils.errors import DataError


@dataclass(frozen=True)
class Exam:
    """A task by its name in reports, its settings, and the model that answers."""

    name: str
    task: TaskConfig
    config: EvaluationConfig
    answerer: Answerer

    def make_row(self, sample: Sample, **answer: Any) -> Row:
        """A row for `sample`.

        Raises:
            DataError: when the sample's classes are not known.
        """
        if sample.action is None or sample.segment_id is None:
            raise DataError(f"sample {sample.sample_id!r} has no action label; task {self.name!r} cannot score it")
        return Row(
            task=self.name,
            kind=self.task.task,
            sample_id=sample.sample_id,
            segment_id=sample.segment_id,
            truth=(sample.action.verb_id, sample.action.noun_id, sample.action.action_id),
            answer=sample.answer,
            **answer,
        )
