"""Questions with choices, in any mode and order: of MQA, of a second stage, after a description, in sequence."""

from __future__ import annotations

from collections.abc import Sequence

from llavaction.evaluation.answering import Prompt
from llavaction.evaluation.config import MqaMode
from llavaction.evaluation.grading import scored_trial, written_trial
from llavaction.evaluation.predictions import Row, Trial
from llavaction.evaluation.presentations import Presentation, present
from llavaction.evaluation.tasks.common import Clip, Exam
from llavaction.sft.samples import Role, Sample, Turn
from llavaction.utils.errors import DataError


def answer(exam: Exam, samples: Sequence[Sample], clips: Sequence[Clip]) -> list[Row]:
    """One row per question; all its orders are asked together."""
    return choose(exam, samples, clips, [None] * len(samples))


def choose(
    exam: Exam, samples: Sequence[Sample], clips: Sequence[Clip], captions: Sequence[tuple[str, str] | None]
) -> list[Row]:
    """The same after a question for a description and its answer, where `captions` has them."""
    shown = [present(sample, exam.task, exam.words, exam.config.seed) for sample in samples]
    prompts = [
        exam.prompt(_after(caption, presentation), clip)
        for presentations, clip, caption in zip(shown, clips, captions, strict=True)
        for presentation in presentations
    ]
    trials = iter(_trials(exam, [one for presentations in shown for one in presentations], prompts))
    return [
        exam.grader.choice(sample, [next(trials) for _ in presentations], None if caption is None else caption[1])
        for sample, presentations, caption in zip(samples, shown, captions, strict=True)
    ]


def _after(caption: tuple[str, str] | None, shown: Presentation) -> list[Turn]:
    if caption is None:
        return list(shown.turns)
    question, text = caption
    return [Turn(Role.USER, question), Turn(Role.ASSISTANT, text), *shown.turns]


def _trials(exam: Exam, shown: Sequence[Presentation], prompts: Sequence[Prompt]) -> list[Trial]:
    if exam.task.mode is MqaMode.GENERATE:
        return [written_trial(one, text) for one, text in zip(shown, exam.write(prompts), strict=True)]
    lines = [_ids(exam, one) for one in shown]
    scores = exam.answerer.score(prompts, lines)
    if exam.task.length_normalised:
        scores = [
            [score / len(line) for score, line in zip(of, tails, strict=True)]
            for of, tails in zip(scores, lines, strict=True)
        ]
    return [scored_trial(one, of) for one, of in zip(shown, scores, strict=True)]


def _ids(exam: Exam, shown: Presentation) -> list[list[int]]:
    """What is scored of each option, as tokens.

    Raises:
        DataError: in mode letter, when an answer does not begin with its letter as a token of its own: a likelihood of
            anything else would mean nothing.
    """
    lines = [exam.answerer.processor.answer_ids(line) for line in shown.lines(exam.task.mode)]
    if exam.task.mode is not MqaMode.LETTER:
        return lines
    for letter, text in zip(lines, shown.answers, strict=True):
        if exam.answerer.processor.answer_ids(text)[: len(letter)] != letter:
            raise DataError(
                f"answer {text!r} does not begin with its letter as tokens go; evaluate {exam.grader.name!r} with mode "
                "option, text or generate"
            )
    return lines
