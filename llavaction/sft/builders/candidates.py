"""Candidates: a question whose options are a model's best classes for the clip, the true one among them or not.

This is what two-stage recognition asks (paper: structured action): a first model ranks classes, ours chooses among the
first K. The truth is never put in; how often it is there bounds what a choice can reach, and the manifest counts it.
"""

from __future__ import annotations

from itertools import chain

from llavaction.annotations.epic_kitchens import Annotations, Split
from llavaction.annotations.segments import Segment
from llavaction.annotations.vocabulary import Vocabulary
from llavaction.sft.builders.base import clip_of, label_of
from llavaction.sft.distractors import DistractorsConfig, DistractorStrategy, PredictionFiles, StrategyName
from llavaction.sft.distractors.predicted import PredictedDistractors, read_split
from llavaction.sft.narrations import NarrationBank
from llavaction.sft.options import DROPPED
from llavaction.sft.prompts import PromptsConfig
from llavaction.sft.samples import Option, Role, Sample, Turn, View
from llavaction.sft.tally import Tally
from llavaction.text.class_texts import action_text
from llavaction.text.matching import normalise
from llavaction.utils.draws import draws_for
from llavaction.utils.errors import ConfigError, DataError

TRUTH_WITHIN = "truth_within"
"""Topic of the counts of questions whose true class is among the first 1, 5, 10, 20 and all candidates."""
NO_TEXT_LEFT = "no_text_left"
"""Under `DROPPED`: classes all of whose texts stand for candidates of a better rank."""
TRUTH_WITHOUT_TEXT = "true_class_no_text_left"
"""Those of them that are the true class; the question then lacks it, as if it had not been ranked."""

_COUNTED_AT = (1, 5, 10, 20)


class CandidatesBuilder:
    """Asks to choose among the first K classes of a ranking.

    Options stand in the order of their rank, so that the first K' of them are the question with K' candidates; an
    evaluation has to shuffle them before it shows them, as their order tells what the first model thinks.

    Every option, the right one too, shows a text of its class, chosen by `sft.option_text`. The segment's own
    narration has no part in it beyond being one of its class's texts: as the only option in the words of this
    segment's annotator, the right one would stand out. A text depends on the seed, the segment and the class, not on
    the rank: two models' candidates are worded alike. Where it reads like an option of a better rank, the next text of
    the class is taken, and last the class's name; a class with no text left is passed over and counted, and the next
    class in the ranking takes its place. Nothing else is passed over: to leave out what resembles the true class, one
    would have to know it.
    """

    view = View.CANDIDATES

    def __init__(
        self,
        vocabulary: Vocabulary,
        bank: NarrationBank,
        ranking: DistractorStrategy,
        prompts: PromptsConfig,
        num_candidates: int,
        seed: int,
    ) -> None:
        self._vocabulary = vocabulary
        self._bank = bank
        self._ranking = ranking
        self._prompts = prompts
        self._num_candidates = num_candidates
        self._seed = seed

    def build(self, segment: Segment, split: Split, tally: Tally) -> Sample:
        label = label_of(segment, self._vocabulary)
        options = self._options(segment, label.action_id, tally)
        answer_idx = next((idx for idx, option in enumerate(options) if option.action_id == label.action_id), None)
        for k in sorted({*_COUNTED_AT, self._num_candidates}):
            if k <= self._num_candidates:
                tally.count(TRUTH_WITHIN, k, int(answer_idx is not None and answer_idx < k))
        # Nothing is trained on this turn; it is what reports show as the right answer.
        answer = segment.narration if answer_idx is None else options[answer_idx].answer
        return Sample(
            sample_id=f"{self.view}/{self._ranking.name}/{segment.segment_id}",
            view=self.view,
            segment_id=segment.segment_id,
            clip=clip_of(segment),
            turns=(
                Turn(Role.USER, self._prompts.question([option.text for option in options])),
                Turn(Role.ASSISTANT, answer),
            ),
            action=label,
            options=options,
            answer_idx=answer_idx,
        )

    def _options(self, segment: Segment, truth: int, tally: Tally) -> tuple[Option, ...]:
        """The options in the order of their rank.

        Raises:
            DataError: when too few classes are ranked.
        """
        options: list[Option] = []
        taken: set[str] = set()
        for action_id in self._ranking.candidates(segment, draws_for(self._seed, segment.segment_id, self.view)):
            text = self._text(segment, action_id, taken)
            if text is None:
                tally.count(DROPPED, TRUTH_WITHOUT_TEXT if action_id == truth else NO_TEXT_LEFT)
                continue
            taken.add(normalise(text))
            options.append(Option(text, action_id, self._prompts.answer(len(options), text), self._ranking.name))
            if len(options) == self._num_candidates:
                return tuple(options)
        raise DataError(
            f"segment {segment.segment_id!r}: {self._ranking.name} ranks {len(options)} classes with texts of their "
            f"own, sft.num_candidates = {self._num_candidates} are needed; lower it, or rank more classes"
        )

    def _text(self, segment: Segment, action_id: int, taken: set[str]) -> str | None:
        """The first text of a class that reads like none of `taken`; None when there is none."""
        draws = draws_for(self._seed, segment.segment_id, self.view, action_id)
        texts = chain(self._bank.texts(action_id, draws), [action_text(self._vocabulary, action_id)])
        return next((text for text in texts if normalise(text) not in taken), None)


def read_ranking(
    config: DistractorsConfig, annotations: Annotations, split: Split
) -> tuple[PredictedDistractors, dict[str, str]]:
    """The ranking that candidates are taken from, and the prediction file's hash by its name.

    Raises:
        ConfigError: when the split is not validation, or `config` names no prediction file for it.
        DataError: when the file does not fit the annotations.
    """
    files = ranking_files(config)
    if split is not Split.VALIDATION:
        raise ConfigError(
            f"sft.views: candidates are for evaluation and made for validation alone, not for {split}; set "
            "sft.splits=[validation]"
        )
    return read_split(config.strategy, files, annotations, split)


def ranking_files(config: DistractorsConfig) -> PredictionFiles:
    """The prediction files of the strategy that ranks candidates.

    Raises:
        ConfigError: when the strategy reads none.
    """
    if config.strategy is StrategyName.SPECIALIST:
        return config
    if config.strategy is StrategyName.SELF_MINED:
        return config.self_mined
    raise ConfigError(
        f"sft.views: candidates are a model's ranking, which distractors={config.strategy} does not read; set "
        "distractors=specialist distractors.validation_file=FILE, or distractors=self_mined "
        "distractors.self_mined.validation_file=FILE"
    )
