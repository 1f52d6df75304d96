"""Recognition over all classes without a specialist: how likely is the text of each class as the answer?

A class is the answer that begins with its text; where another text begins with the same words ("cut onion", "cut onion
ring"), that text and the end of the answer. So no answer is of two classes, and a short text has no advantage. Scores
are ``log p(class | clip, question)``, less `text_prior` times the same without the clip.

The last token of a text is only scored and never run: of the 3,391 tokens in the tree of 2,684 class names of EK100
(with Qwen's vocabulary) 761 are run, and the 54 names that others begin with cost nothing more.

B clips, T texts, C classes.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from llavaction.evaluation.answering import Prompt
from llavaction.evaluation.config import ClassWords
from llavaction.evaluation.predictions import Row
from llavaction.evaluation.prefix_tree import Tails
from llavaction.evaluation.tasks.common import Clip, Exam
from llavaction.sft.samples import Sample


@dataclass(frozen=True)
class ClassTails:
    """The texts of all classes as tokens, and whose each is: action ids `[T]`."""

    tails: Tails
    action_ids_T: np.ndarray

    def per_class(self, scores_BT: np.ndarray, num_classes: int) -> np.ndarray:
        """Log-likelihoods of the classes `[B, C]`: the probabilities of a class's texts add up."""
        scores_CB = np.full((num_classes, len(scores_BT)), -np.inf)
        np.logaddexp.at(scores_CB, self.action_ids_T, scores_BT.T)
        return scores_CB.T


def answer(exam: Exam, samples: Sequence[Sample], clips: Sequence[Clip]) -> list[Row]:
    """The likeliest classes of each clip."""
    scores_BC = _scores(exam, exam.questions(samples, clips))
    if exam.task.text_prior:
        scores_BC = scores_BC - exam.task.text_prior * np.stack([_prior(exam, sample) for sample in samples])
    rows = []
    for sample, scores in zip(samples, scores_BC, strict=True):
        best = np.argsort(-scores, kind="stable")[: exam.task.top_k]
        rows.append(exam.grader.ranking(sample, best.tolist(), scores[best].tolist()))
    return rows


def class_tails(exam: Exam) -> ClassTails:
    """The texts of the classes, each once, with the end of the answer where another one begins with it."""
    if "class_tails" not in exam.kept:
        exam.kept["class_tails"] = _make_tails(exam)
    tails: ClassTails = exam.kept["class_tails"]
    return tails


def _make_tails(exam: Exam) -> ClassTails:
    processor, classes = exam.answerer.processor, exam.grader.classes
    texts = [(classes.action_text(action_id), action_id) for action_id in range(len(classes.actions))]
    if exam.task.class_words is ClassWords.NARRATIONS:
        ids = {key: action_id for action_id, key in enumerate(classes.actions)}
        names = {text for text, _ in texts}
        # A name counts for its own class, whatever an annotator meant by it.
        texts += [(text, ids[key]) for text, key in classes.narrations.items() if text not in names]
    tokens = [processor.answer_ids(text) for text, _ in texts]
    beginnings = {tuple(ids[:length]) for ids in tokens for length in range(1, len(ids))}
    tails = [[*ids, processor.end_id] if tuple(ids) in beginnings else ids for ids in tokens]
    return ClassTails(Tails(tails), np.array([action_id for _, action_id in texts]))


def _scores(exam: Exam, prompts: Sequence[Prompt]) -> np.ndarray:
    """Log-likelihoods `[B, C]`."""
    texts = class_tails(exam)
    scores_BT = np.array(exam.answerer.score(prompts, [texts.tails] * len(prompts)))
    return texts.per_class(scores_BT, len(exam.grader.classes.actions))


def _prior(exam: Exam, sample: Sample) -> np.ndarray:
    """How likely each class is as the answer when nothing is shown, `[C]`; worked out once for each question."""
    ids = exam.answerer.processor.prompt_ids(sample.turns[:-1], num_frames=None)
    key = ("text_prior", tuple(ids))
    if key not in exam.kept:
        (exam.kept[key],) = _scores(exam, [Prompt(ids, None)])
    prior: np.ndarray = exam.kept[key]
    return prior
