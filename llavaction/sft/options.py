"""The options of a multiple-choice question: the answer and K-1 distractors that are really wrong."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import chain, islice

from llavaction.annotations.epic_kitchens import Split
from llavaction.annotations.segments import Segment
from llavaction.annotations.vocabulary import Vocabulary
from llavaction.sft.distractors.base import DistractorStrategy, StrategyName
from llavaction.sft.distractors.validity import DropReason, Validity
from llavaction.sft.narrations import AnswerText, NarrationBank
from llavaction.sft.tally import Tally
from llavaction.text.matching import normalise
from llavaction.utils.draws import Draws
from llavaction.utils.errors import DataError

DROPPED = "dropped"
FALLBACKS = "fallbacks"
SIMILARITY = "similarity"


@dataclass(frozen=True)
class Choice:
    """One option: its words, its class, and the strategy that brought it (None for the answer)."""

    text: str
    action_id: int
    source: StrategyName | None


@dataclass(frozen=True)
class OptionMaker:
    """Chooses distractors.

    Training draws the K-1 distractors from the strategy's top 2K, so that not only the hardest appear; evaluation
    takes its top K-1 (paper section 3). What is not clearly wrong is passed over and counted by its reason; a strategy
    that runs out is followed by the next, counted too.

    Attributes:
        strategies: the chosen one and its fallbacks.
    """

    vocabulary: Vocabulary
    bank: NarrationBank
    strategies: tuple[DistractorStrategy, ...]
    validity: Validity
    answer_text: AnswerText
    num_options: int

    def make(self, segment: Segment, split: Split, draws: Draws, tally: Tally) -> list[Choice]:
        """The K options, the answer first, the others in random order.

        Raises:
            DataError: when all strategies together give too few options.
        """
        truth = self.vocabulary.action_id(segment.verb_id, segment.noun_id)
        answer = segment.narration
        if self.answer_text is AnswerText.LIKE_OPTIONS:
            answer = next(self.bank.texts(truth, draws))
        distractors = self._distractors(segment, answer, split, draws, tally)
        for similarity in self.validity.similarities.between(answer, [choice.text for choice in distractors]):
            tally.count(SIMILARITY, similarity)
        # In evaluation the order would otherwise be the specialist's ranking, which tells something.
        return [Choice(answer, truth, None), *draws.shuffled(distractors)]

    def _distractors(self, segment: Segment, answer: str, split: Split, draws: Draws, tally: Tally) -> list[Choice]:
        # Where the answer is told in other words, the annotator's own are right too.
        taken = {normalise(answer), normalise(segment.narration)}
        choices: list[Choice] = []
        for action_id, source in self._candidates(segment, split, draws, tally):
            text = self._text(segment, answer, action_id, taken, draws, tally)
            if text is None:
                continue
            taken.add(normalise(text))
            choices.append(Choice(text, action_id, source))
            if source is not self.strategies[0].name:
                tally.count(FALLBACKS, source)
            if len(choices) == self.num_options - 1:
                return choices
        names = ", ".join(strategy.name for strategy in self.strategies)
        raise DataError(
            f"segment {segment.segment_id!r}: {names} give {len(choices)} distractors, {self.num_options - 1} are "
            "needed; ask for fewer options with sft.num_options, or name more strategies in distractors.fallback"
        )

    def _candidates(
        self, segment: Segment, split: Split, draws: Draws, tally: Tally
    ) -> Iterator[tuple[int, StrategyName]]:
        """Wrong actions and who brought them, none twice, in the order in which they are to be used."""
        seen: set[int] = set()
        for place, strategy in enumerate(self.strategies):
            ranked = self._wrong(segment, strategy.candidates(segment, draws), seen, tally)
            if split is Split.TRAIN and place == 0:
                ranked = chain(draws.shuffled(list(islice(ranked, 2 * self.num_options))), ranked)
            for action_id in ranked:
                yield action_id, strategy.name

    def _wrong(self, segment: Segment, candidates: Iterator[int], seen: set[int], tally: Tally) -> Iterator[int]:
        for action_id in candidates:
            if action_id in seen:
                continue
            seen.add(action_id)
            problem = self.validity.class_problem(segment, self.vocabulary.verb_noun(action_id))
            if problem is None:
                yield action_id
            else:
                tally.count(DROPPED, problem)

    def _text(
        self, segment: Segment, answer: str, action_id: int, taken: set[str], draws: Draws, tally: Tally
    ) -> str | None:
        """The first text of a class that is wrong; None, counted with the first text's problem, when there is none."""
        first: DropReason | None = None
        for text in self.bank.texts(action_id, draws):
            problem = self.validity.text_problem(segment, answer, text, taken)
            if problem is None:
                return text
            first = first or problem
        assert first is not None
        tally.count(DROPPED, first)
        return None
