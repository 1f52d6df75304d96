"""The questions of sample files, with what a person should know about each distractor."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from llavaction.reports.candidates import refuse_candidates
from llavaction.sft.classes import ClassTable
from llavaction.sft.samples import Sample, read_samples
from llavaction.utils.errors import DataError


@dataclass(frozen=True)
class Choice:
    """An option of a question.

    Attributes:
        option_idx: its place among the options.
        text: its words.
        action: class keys of the action that it stands for, for example ``put plate``.
        same_verb, same_noun: whether its class shares them with the answer's.
    """

    option_idx: int
    text: str
    action: str
    same_verb: bool
    same_noun: bool


@dataclass(frozen=True)
class Question:
    """A sample with options.

    Attributes:
        strategy: where its distractors come from; compared with others in the rates.
        answer: the right option.
        distractors: the others.
    """

    sample: Sample
    strategy: str
    answer: Choice
    distractors: tuple[Choice, ...]

    @property
    def choices(self) -> list[Choice]:
        """All options in order."""
        return sorted([self.answer, *self.distractors], key=lambda choice: choice.option_idx)


def read_questions(paths: Sequence[str]) -> dict[str, Question]:
    """The samples with options in some files, by sample id; class names come from `classes.json` beside each file.

    Raises:
        DataError: when a file has none or lists candidates, a sample stands in two files, or an option's class has no
            name.
    """
    found: dict[str, Question] = {}
    for path in map(Path, paths):
        samples = [sample for sample in read_samples(path) if sample.options]
        if not samples:
            raise DataError(f"{path}: no sample has options; give a file of questions, such as validation_mqa.jsonl")
        refuse_candidates(path, samples)
        classes = ClassTable.load(path.parent)
        for sample in samples:
            if sample.sample_id in found:
                raise DataError(f"{path}: sample {sample.sample_id!r} stands in another of the files too")
            found[sample.sample_id] = _question(sample, path, classes)
    return found


def strategy_of(sample_id: str, path: Path) -> str:
    """The middle of an id such as ``mqa/specialist/P01_11_0``; the name of the file's folder where there is none."""
    words = sample_id.split("/")
    return words[1] if len(words) > 2 else path.resolve().parent.name


def _question(sample: Sample, path: Path, classes: ClassTable) -> Question:
    assert sample.answer_idx is not None
    for option_idx, option in enumerate(sample.options):
        if not 0 <= option.action_id < len(classes.actions):
            raise DataError(
                f"{path}: sample {sample.sample_id!r}, option {option_idx}: action_id {option.action_id} is not one "
                f"of the {len(classes.actions)} in classes.json beside it; build both together"
            )
    keys = [classes.verb_noun(classes.actions[option.action_id]) for option in sample.options]
    verb_id, noun_id = keys[sample.answer_idx]
    choices = [
        Choice(option_idx, option.text, classes.action_name(option.action_id), key[0] == verb_id, key[1] == noun_id)
        for option_idx, (option, key) in enumerate(zip(sample.options, keys, strict=True))
    ]
    answer = choices.pop(sample.answer_idx)
    return Question(sample, strategy_of(sample.sample_id, path), answer, tuple(choices))
