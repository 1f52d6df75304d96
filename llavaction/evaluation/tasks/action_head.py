"""Classification by the heads of the action token."""

from __future__ import annotations

from collections.abc import Sequence

from llavaction.evaluation.predictions import Row
from llavaction.evaluation.tasks.common import Clip, Exam
from llavaction.sft.samples import Sample


def answer(exam: Exam, samples: Sequence[Sample], clips: Sequence[Clip]) -> list[Row]:
    """The best class of each head, and the likeliest actions; causal attention hides the question from the token."""
    verb_scores, noun_scores, action_scores = exam.answerer.classify(exam.questions(samples, clips))
    ranked = action_scores.log_softmax(-1).sort(descending=True, stable=True)
    top_actions = ranked.indices[:, : exam.task.top_k].tolist()
    top_scores = ranked.values[:, : exam.task.top_k].tolist()
    best = zip(verb_scores.argmax(-1).tolist(), noun_scores.argmax(-1).tolist(), strict=True)
    return [
        exam.grader.ranking(sample, actions, scores, predicted=(verb, noun, actions[0]))
        for sample, (verb, noun), actions, scores in zip(samples, best, top_actions, top_scores, strict=True)
    ]
