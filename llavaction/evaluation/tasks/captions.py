"""Descriptions of clips, for their own sake or before a choice among options."""

from __future__ import annotations

from collections.abc import Sequence

from llavaction.evaluation.predictions import Row
from llavaction.evaluation.presentations import caption_question
from llavaction.evaluation.tasks import choices
from llavaction.evaluation.tasks.common import Clip, Exam
from llavaction.sft.samples import MEDIA_MARK, Role, Sample, Turn


def answer(exam: Exam, samples: Sequence[Sample], clips: Sequence[Clip]) -> list[Row]:
    """The description of each clip, as the sample asks for it."""
    texts = exam.write(exam.questions(samples, clips), exam.config.max_caption_tokens)
    return [exam.grader.row(sample, raw=text) for sample, text in zip(samples, texts, strict=True)]


def then_choose(exam: Exam, samples: Sequence[Sample], clips: Sequence[Clip]) -> list[Row]:
    """A choice among options, after the model has described the clip.

    Raises:
        ConfigError: when the samples' prompts have no question for a description.
    """
    question = caption_question(exam.words, exam.grader.name)
    texts = exam.write(
        [exam.prompt([Turn(Role.USER, question)], clip) for clip in clips], exam.config.max_caption_tokens
    )
    # The sign that stands for pictures is no word, should a model ever write it.
    return choices.choose(exam, samples, clips, [(question, text.replace(MEDIA_MARK, "")) for text in texts])
