"""One task per file, behind one interface: samples and their prompts go in, rows come out."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from llavaction.evaluation.answering import Answerer, Prompt
from llavaction.evaluation.config import EvaluationConfig, TaskConfig, TaskName
from llavaction.evaluation.predictions import Row
from llavaction.evaluation.tasks import action_head, direct, mqa
from llavaction.sft.samples import Sample


class Task(Protocol):
    """Answers a batch of samples."""

    def __call__(
        self,
        name: str,
        task: TaskConfig,
        config: EvaluationConfig,
        answerer: Answerer,
        samples: Sequence[Sample],
        prompts: Sequence[Prompt],
    ) -> list[Row]: ...


TASKS: dict[TaskName, Task] = {
    TaskName.MQA: mqa.answer,
    TaskName.DIRECT: direct.answer,
    TaskName.ACTION_HEAD: action_head.answer,
}
