"""From what a model answered to a row. No torch."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from llavaction.evaluation.config import TaskConfig, TaskName
from llavaction.evaluation.parsing import parse_choice, parse_span
from llavaction.evaluation.predictions import Row, Trial
from llavaction.evaluation.presentations import Presentation
from llavaction.evaluation.questions import hash_question
from llavaction.sft.classes import ClassTable
from llavaction.sft.samples import Sample
from llavaction.utils.errors import DataError


@dataclass(frozen=True)
class Grader:
    """Makes the rows of one task, by its name in reports."""

    name: str
    task: TaskConfig
    classes: ClassTable

    def row(self, sample: Sample, **answer: Any) -> Row:
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
            question_sha256=hash_question(sample),
            truth=(sample.action.verb_id, sample.action.noun_id, sample.action.action_id),
            answer=sample.answer,
            options=tuple(option.text for option in sample.options),
            option_actions=tuple(option.action_id for option in sample.options),
            answer_idx=sample.answer_idx,
            target=None if sample.target is None else (sample.target.start_s, sample.target.stop_s),
            **answer,
        )

    def choice(self, sample: Sample, trials: Sequence[Trial], caption: str | None = None) -> Row:
        """A choice among options; of several orders the common one, of several numbers of candidates that of the most.

        Args:
            caption: what the model wrote about the clip before.
        """
        deciding = [max(trials, key=lambda trial: len(trial.order))] if self.task.num_candidates else trials
        by_option = _mean_scores(deciding)
        chosen = deciding[0].chosen_idx if len(deciding) == 1 else _common_choice(deciding, by_option)
        ranked = () if chosen is None else _ranking(sample, deciding[0], by_option, chosen)
        is_whole = len(by_option) == len(sample.options)
        return self.row(
            sample,
            trials=tuple(trials) if len(trials) > 1 or trials[0].order != tuple(range(len(sample.options))) else (),
            # Of fewer candidates the scores stand with their trial, as they are not of all options.
            scores=tuple(by_option[idx] for idx in range(len(by_option))) if is_whole else (),
            chosen_idx=chosen,
            raw=trials[0].raw if len(trials) == 1 else None,
            caption=caption,
            predicted=self._classes_of(ranked[0]) if ranked else None,
            top_actions=ranked if self.task.task is TaskName.TWO_STAGE else (),
        )

    def ranking(
        self,
        sample: Sample,
        actions: Sequence[int],
        scores: Sequence[float],
        *,
        predicted: tuple[int, int, int] | None = None,
        raw: str | None = None,
    ) -> Row:
        """A ranking of action classes, best first.

        Args:
            predicted: verb, noun and action; those of the first action when None.
        """
        predicted = predicted or self._classes_of(actions[0])
        return self.row(sample, top_actions=tuple(actions), scores=tuple(scores), predicted=predicted, raw=raw)

    def direct(self, sample: Sample, text: str, actions: Sequence[int], similarities: Sequence[float]) -> Row:
        """An answer in the model's own words and the classes nearest to it; none where it has no words in common."""
        if similarities[0] <= 0:
            return self.row(sample, raw=text)
        return self.ranking(sample, actions, similarities, raw=text)

    def span(self, sample: Sample, text: str) -> Row:
        """A written answer about time.

        Raises:
            DataError: when the sample has no target.
        """
        if sample.target is None:
            raise DataError(
                f"sample {sample.sample_id!r} does not ask for a start and a stop; task {self.name!r} needs samples of "
                "the view temporal_detection"
            )
        return self.row(sample, raw=text, span=parse_span(text))

    def _classes_of(self, action_id: int) -> tuple[int, int, int]:
        return (*self.classes.verb_noun(self.classes.actions[action_id]), action_id)


def scored_trial(shown: Presentation, scores: Sequence[float]) -> Trial:
    """The likeliest option, of equal ones the first."""
    best = max(range(len(scores)), key=scores.__getitem__)
    return Trial(shown.order, scores=tuple(scores), chosen_idx=shown.order[best])


def written_trial(shown: Presentation, text: str) -> Trial:
    """The option that a text names."""
    place = parse_choice(text, shown.texts)
    return Trial(shown.order, raw=text, chosen_idx=None if place is None else shown.order[place])


def _ranking(sample: Sample, trial: Trial, by_option: Mapping[int, float], chosen: int) -> tuple[int, ...]:
    """The actions of the shown options: the chosen one, then the others by their scores, or as the sample ranks."""
    shown = sorted(trial.order, key=lambda idx: (idx != chosen, -by_option.get(idx, 0.0), idx))
    return tuple(sample.options[idx].action_id for idx in shown)


def _mean_scores(trials: Sequence[Trial]) -> dict[int, float]:
    """The mean score of each option over trials that show the same options; nothing where they were generated."""
    total = dict.fromkeys(trials[0].order if trials[0].scores else (), 0.0)
    for trial in trials:
        for idx, score in zip(trial.order, trial.scores):
            total[idx] += score / len(trials)
    return total


def _common_choice(trials: Sequence[Trial], by_option: Mapping[int, float]) -> int | None:
    """The option with the best mean score, or that most answers name; of equal ones the first."""
    if by_option:
        return min(by_option, key=lambda idx: (-by_option[idx], idx))
    counts = Counter(trial.chosen_idx for trial in trials if trial.chosen_idx is not None)
    return min(counts, key=lambda idx: (-counts[idx], idx)) if counts else None
