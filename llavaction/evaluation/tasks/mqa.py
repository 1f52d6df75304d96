"""Multiple-choice questions: by likelihood of the options or letters, or by generation."""

from __future__ import annotations

from collections.abc import Sequence

from llavaction.evaluation.answering import Prompt
from llavaction.evaluation.config import MqaMode
from llavaction.evaluation.parsing import parse_choice
from llavaction.evaluation.predictions import Row
from llavaction.evaluation.tasks.common import Exam
from llavaction.sft.prompts import LETTERS
from llavaction.sft.samples import Sample
from llavaction.utils.errors import DataError


def answer(exam: Exam, samples: Sequence[Sample], prompts: Sequence[Prompt]) -> list[Row]:
    """One row per question, with the scores of its options where the mode has them."""
    for sample in samples:
        if not sample.options:
            raise DataError(f"sample {sample.sample_id!r} has no options; task {exam.name!r} asks to choose among them")
    if exam.task.mode is MqaMode.GENERATE:
        texts = exam.answerer.generate(prompts, exam.config.max_new_tokens)
        return [
            _row(exam, sample, raw=text, chosen_idx=parse_choice(text, _texts(sample)))
            for sample, text in zip(samples, texts, strict=True)
        ]
    lines = [_letter_ids(exam, s) if exam.task.mode is MqaMode.LETTER else _answer_ids(exam, s) for s in samples]
    scores = exam.answerer.score(prompts, lines)
    return [
        _row(exam, sample, scores=tuple(values), chosen_idx=max(range(len(values)), key=values.__getitem__))
        for sample, values in zip(samples, scores, strict=True)
    ]


def _row(exam: Exam, sample: Sample, **answer: object) -> Row:
    return exam.make_row(sample, options=_texts(sample), answer_idx=sample.answer_idx, **answer)


def _texts(sample: Sample) -> tuple[str, ...]:
    return tuple(option.text for option in sample.options)


def _answer_ids(exam: Exam, sample: Sample) -> list[list[int]]:
    return [exam.answerer.processor.answer_ids(option.answer) for option in sample.options]


def _letter_ids(exam: Exam, sample: Sample) -> list[list[int]]:
    """The letters, which must be how the answers begin: a likelihood of anything else would mean nothing.

    Raises:
        DataError: when an answer begins with another token.
    """
    letters = [exam.answerer.processor.answer_ids(letter) for letter in LETTERS[: len(sample.options)]]
    for letter, answer, option in zip(letters, _answer_ids(exam, sample), sample.options, strict=True):
        if answer[: len(letter)] != letter:
            raise DataError(
                f"sample {sample.sample_id!r}: answer {option.answer!r} does not begin with its letter as tokens "
                f"go; evaluate {exam.name!r} with mode option or generate"
            )
    return letters
