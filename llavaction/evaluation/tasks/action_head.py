"""Classification by the heads of the action token."""

from __future__ import annotations

from collections.abc import Sequence

from llavaction.evaluation.answering import Answerer, Prompt
from llavaction.evaluation.config import EvaluationConfig, TaskConfig
from llavaction.evaluation.predictions import Row
from llavaction.evaluation.tasks.common import make_row
from llavaction.sft.samples import Sample


def answer(
    name: str,
    task: TaskConfig,
    config: EvaluationConfig,
    answerer: Answerer,
    samples: Sequence[Sample],
    prompts: Sequence[Prompt],
) -> list[Row]:
    """The best class of each head; causal attention hides the question from the action token."""
    verbs, nouns, actions = (scores.argmax(-1).tolist() for scores in answerer.classify(prompts))
    return [
        make_row(name, task.task, sample, predicted=predicted)
        for sample, *predicted_ids in zip(samples, verbs, nouns, actions, strict=True)
        for predicted in [(int(predicted_ids[0]), int(predicted_ids[1]), int(predicted_ids[2]))]
    ]
