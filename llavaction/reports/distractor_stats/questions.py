"""How hard the questions of a sample file are: their letters, and what wrong options have in common with the truth."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from llavaction.annotations.vocabulary import Vocabulary
from llavaction.reports.candidates import refuse_candidates
from llavaction.reports.distractor_stats.letters import LetterBalance, balance_letters
from llavaction.sft.samples import Sample, read_samples
from llavaction.specialists.predictions import TopKPredictions
from llavaction.utils.enums import StrEnum
from llavaction.utils.errors import DataError


class Kinship(StrEnum):
    """What a wrong option has in common with the right one."""

    SAME_VERB = "same_verb"
    SAME_NOUN = "same_noun"
    NEITHER = "neither"


@dataclass(frozen=True)
class DistractorKind:
    """The wrong options of one kinship.

    Attributes:
        num_options: how many there are.
        preferred: by specialist, the share of them that it ranks before the truth.
    """

    num_options: int
    preferred: dict[str, float]


@dataclass(frozen=True)
class QuestionStats:
    """One sample file.

    Attributes:
        answered: by specialist, the share of questions whose right option it ranks before all others.
        kinds: wrong options by kinship; kinships that do not occur are left out.
    """

    num_questions: int
    letters: LetterBalance
    answered: dict[str, float]
    kinds: dict[Kinship, DistractorKind]


def collect_questions(path: Path, vocabulary: Vocabulary, specialists: Mapping[str, TopKPredictions]) -> QuestionStats:
    """Count over the questions with choices in a sample file.

    Args:
        specialists: predictions by name; those without one for each of the questions are left out.

    Raises:
        DataError: when there are no such questions, they are candidates, they have different numbers of options, or
            their action ids are not those of `vocabulary`.
    """
    samples = [sample for sample in read_samples(path) if sample.options]
    if not samples:
        raise DataError(f"{path}: no questions with options in it")
    refuse_candidates(path, samples)
    numbers = sorted({len(sample.options) for sample in samples})
    if len(numbers) > 1:
        raise DataError(f"{path}: questions with {numbers} options; letters are compared over one number")
    pairs = [_truth_and_wrong(path, sample, vocabulary) for sample in samples]
    segment_ids = [str(sample.segment_id) for sample in samples]
    counts = [0] * numbers[0]
    for sample in samples:
        assert sample.answer_idx is not None
        counts[sample.answer_idx] += 1
    able = {name: rows for name, rows in specialists.items() if set(segment_ids) <= set(rows.segment_ids)}
    beaten = {name: _beaten_by(rows, segment_ids, pairs) for name, rows in able.items()}
    return QuestionStats(
        num_questions=len(samples),
        letters=balance_letters(counts),
        answered={name: sum(not any(row) for row in rows) / len(rows) for name, rows in beaten.items()},
        kinds=_by_kinship(pairs, beaten, vocabulary),
    )


TruthAndWrong = tuple[int, list[int]]


def _truth_and_wrong(path: Path, sample: Sample, vocabulary: Vocabulary) -> TruthAndWrong:
    """The action ids of the right option and of the others."""
    action = sample.action
    if action is None or sample.segment_id is None:
        raise DataError(f"{path}: question {sample.sample_id!r} says nothing about its segment and action")
    known = range(vocabulary.num_actions)
    expected = vocabulary.action_id(action.verb_id, action.noun_id)
    if action.action_id != expected or any(option.action_id not in known for option in sample.options):
        raise DataError(
            f"{path}: question {sample.sample_id!r} numbers its action {action.action_id}, the annotations {expected}; "
            "name the annotations that the samples were built from"
        )
    wrong = [option.action_id for idx, option in enumerate(sample.options) if idx != sample.answer_idx]
    return action.action_id, wrong


def _beaten_by(
    predictions: TopKPredictions, segment_ids: Sequence[str], pairs: Sequence[TruthAndWrong]
) -> list[list[bool]]:
    """For each wrong option of each question, whether it is ranked before the truth, which may not be ranked at all."""
    rows = []
    for segment_id, (truth, wrong) in zip(segment_ids, pairs, strict=True):
        ranks = {action_id: rank for rank, action_id in enumerate(predictions.ranked(segment_id))}
        last = len(ranks)
        rows.append([ranks.get(action_id, last) < ranks.get(truth, last) for action_id in wrong])
    return rows


def _by_kinship(
    pairs: Sequence[TruthAndWrong], beaten: Mapping[str, list[list[bool]]], vocabulary: Vocabulary
) -> dict[Kinship, DistractorKind]:
    kinships = [_kinship(truth, other, vocabulary) for truth, wrong in pairs for other in wrong]
    kinds = {}
    for kinship in Kinship:
        places = [place for place, found in enumerate(kinships) if found is kinship]
        if not places:
            continue
        preferred = {}
        for name, rows in beaten.items():
            flags = [flag for row in rows for flag in row]
            preferred[name] = sum(flags[place] for place in places) / len(places)
        kinds[kinship] = DistractorKind(len(places), preferred)
    return kinds


def _kinship(truth: int, other: int, vocabulary: Vocabulary) -> Kinship:
    (verb_id, noun_id), (other_verb_id, other_noun_id) = vocabulary.verb_noun(truth), vocabulary.verb_noun(other)
    if verb_id == other_verb_id:
        return Kinship.SAME_VERB
    return Kinship.SAME_NOUN if noun_id == other_noun_id else Kinship.NEITHER
