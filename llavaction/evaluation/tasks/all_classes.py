"""Recognition over all classes without a specialist: how likely is the text of each class as the answer?

A class is the answer that begins with its text; where another class begins with the same text ("cut onion", "cut onion
ring"), that text and the end of the answer. So no answer is of two classes, and a short text has no advantage. Scores
are ``log p(class | clip, question)``, less `text_prior` times the same without the clip.

The last token of a text is only scored and never run: of the 3,391 tokens in the tree of 2,684 classes of EK100 (with
Qwen's vocabulary) 761 are run, and the 54 classes that others begin with cost nothing more.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from llavaction.evaluation.answering import Prompt
from llavaction.evaluation.predictions import Row
from llavaction.evaluation.tasks.common import Clip, Exam
from llavaction.sft.samples import Sample


def answer(exam: Exam, samples: Sequence[Sample], clips: Sequence[Clip]) -> list[Row]:
    """The likeliest classes of each clip."""
    scores = np.array(exam.answerer.score(exam.questions(samples, clips), [exam.class_tails] * len(samples)))
    if exam.task.text_prior:
        scores -= exam.task.text_prior * np.stack([_prior(exam, sample) for sample in samples])
    rows = []
    for sample, of in zip(samples, scores, strict=True):
        best = np.argsort(-of, kind="stable")[: exam.task.top_k]
        rows.append(exam.grader.ranking(sample, best.tolist(), of[best].tolist()))
    return rows


def _prior(exam: Exam, sample: Sample) -> np.ndarray:
    """How likely each class is as the answer when nothing is shown; once for each question."""
    ids = exam.answerer.processor.prompt_ids(sample.turns[:-1], num_frames=None)
    if tuple(ids) not in exam.priors:
        (scores,) = exam.answerer.score([Prompt(ids, None)], [exam.class_tails])
        exam.priors[tuple(ids)] = np.array(scores)
    return exam.priors[tuple(ids)]
