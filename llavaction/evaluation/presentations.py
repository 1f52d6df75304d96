"""A question with choices as it is shown: in one order or several, with all candidates or some. No torch."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from llavaction.evaluation.config import MqaMode, OptionOrder, TaskConfig
from llavaction.sft.prompts import LETTERS, PromptsConfig
from llavaction.sft.samples import PriorAction, Role, Sample, Turn
from llavaction.utils.draws import draws_for
from llavaction.utils.errors import ConfigError, DataError


@dataclass(frozen=True)
class Presentation:
    """A question as it is shown once.

    Attributes:
        order: the sample's options, by their index, in the order of their letters.
        turns: what is said up to the answer.
        texts: of the options, in that order.
        answers: the answer lines that choose them.
    """

    order: tuple[int, ...]
    turns: tuple[Turn, ...]
    texts: tuple[str, ...]
    answers: tuple[str, ...]

    def lines(self, mode: MqaMode) -> tuple[str, ...]:
        """What is scored of each option in a mode of likelihood."""
        if mode is MqaMode.TEXT:
            return self.texts
        return tuple(LETTERS[: len(self.order)]) if mode is MqaMode.LETTER else self.answers


def present(sample: Sample, task: TaskConfig, prompts: PromptsConfig | None, seed: int) -> list[Presentation]:
    """The question in every order, or with every number of candidates, that the task asks for.

    Args:
        prompts: the words that the sample was built with; needed wherever the question is not shown as it is.
        seed: of shuffled orders.

    Raises:
        DataError: when the sample has no options or fewer than `num_candidates`, or was built with other words.
    """
    if not sample.options:
        raise DataError(f"sample {sample.sample_id!r} has no options; a task of kind {task.task} asks to choose")
    return [_show(sample, order, prompts) for order in _orders(sample, task, seed)]


def _orders(sample: Sample, task: TaskConfig, seed: int) -> Iterator[tuple[int, ...]]:
    number = len(sample.options)
    for num_shown in task.num_candidates or [number]:
        if num_shown > number:
            raise DataError(
                f"sample {sample.sample_id!r} has {number} candidates, {num_shown} are to be shown; build the samples "
                f"with sft.num_candidates={num_shown} or more, or leave {num_shown} out of num_candidates"
            )
        order = tuple(range(num_shown))
        if task.order is OptionOrder.SHUFFLED:
            yield tuple(draws_for(seed, sample.sample_id, "option_order", num_shown).shuffled(order))
        elif task.order is OptionOrder.CYCLIC:
            yield from (order[start:] + order[:start] for start in order)
        else:
            yield order


def _show(sample: Sample, order: tuple[int, ...], prompts: PromptsConfig | None) -> Presentation:
    texts = tuple(sample.options[idx].text for idx in order)
    turns = sample.turns[:-1]
    if order == tuple(range(len(sample.options))):
        return Presentation(order, turns, texts, tuple(option.answer for option in sample.options))
    words = _needed(sample, prompts)
    asked = words.question([option.text for option in sample.options])
    if turns[0].text.count(asked) != 1:
        raise _other_words(sample, words)
    first = replace(turns[0], text=turns[0].text.replace(asked, words.question(texts)))
    answers = tuple(words.answer(place, text) for place, text in enumerate(texts))
    return Presentation(order, (first, *turns[1:]), texts, answers)


def retell(sample: Sample, texts: Sequence[str] | None, prompts: PromptsConfig | None) -> Sample:
    """A question that tells earlier actions, with other words for them.

    Args:
        texts: of each of the sample's earlier actions; None leaves them out.

    Raises:
        DataError: when the sample was built with other words.
    """
    if not sample.prior:
        return sample
    words = _needed(sample, prompts)
    asked = words.question([option.text for option in sample.options])
    if sample.question != words.after(asked, sample.prior):
        raise _other_words(sample, words)
    told = [] if texts is None else zip(sample.prior, texts, strict=True)
    prior = tuple(PriorAction(action.segment_id, text, action.before_s) for action, text in told)
    question = words.after(asked, prior) if prior else asked
    return replace(sample, turns=(Turn(Role.USER, question), *sample.turns[1:]), prior=prior)


def caption_question(prompts: PromptsConfig | None, task: str) -> str:
    """The question for a description, in the words that the samples were built with.

    Raises:
        ConfigError: when these are not known, or have no such question.
    """
    if prompts is None:
        raise ConfigError(
            f"task {task!r} asks for a description in the words that the samples were built with, and no manifest.json "
            "beside them tells these; evaluate samples in the folder of `llavaction build-sft`"
        )
    return prompts.template("caption_question")


def _needed(sample: Sample, prompts: PromptsConfig | None) -> PromptsConfig:
    if prompts is None:
        raise DataError(
            f"sample {sample.sample_id!r} is to be asked in other words than it has, and no manifest.json beside it "
            "tells the prompts it was built with; evaluate samples in the folder of `llavaction build-sft`"
        )
    return prompts


def _other_words(sample: Sample, prompts: PromptsConfig) -> DataError:
    return DataError(
        f"sample {sample.sample_id!r} is not in the words of prompts {prompts.name!r} version {prompts.version}, which "
        "the manifest beside it names; build the samples again"
    )
