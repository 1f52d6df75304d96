"""Classification by the heads of the action token."""

from __future__ import annotations

from collections.abc import Sequence

from llavaction.evaluation.answering import Prompt
from llavaction.evaluation.predictions import Row
from llavaction.evaluation.tasks.common import Exam
from llavaction.sft.samples import Sample


def answer(exam: Exam, samples: Sequence[Sample], prompts: Sequence[Prompt]) -> list[Row]:
    """The best class of each head; causal attention hides the question from the action token."""
    verbs, nouns, actions = (scores.argmax(-1).tolist() for scores in exam.answerer.classify(prompts))
    predictions = zip(verbs, nouns, actions, strict=True)
    return [exam.make_row(sample, predicted=predicted) for sample, predicted in zip(samples, predictions, strict=True)]
