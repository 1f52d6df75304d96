"""Small worlds for the builders, made in memory: 3 verbs, 4 nouns, any narrations, any times."""

from __future__ import annotations

import random
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

import numpy as np
import yaml
from hypothesis import strategies as st

from llavaction.annotations.epic_kitchens import Annotations, Split, VideoInfo
from llavaction.annotations.segments import Segment, SegmentTable
from llavaction.annotations.splits import Splits
from llavaction.annotations.vocabulary import ClassName, Vocabulary
from llavaction.sft.builders.mqa import MqaBuilder
from llavaction.sft.distractors import DistractorStrategy, StrategyName
from llavaction.sft.distractors.mixed import MixedDistractors
from llavaction.sft.distractors.predicted import PredictedDistractors
from llavaction.sft.distractors.random import RandomDistractors
from llavaction.sft.distractors.same_part import SameNounDistractors, SameVerbDistractors
from llavaction.sft.distractors.text_neighbours import TextNeighbourDistractors
from llavaction.sft.distractors.validity import Similarities, Validity, ValidityConfig
from llavaction.sft.narrations import AnswerText, NarrationBank, OptionText
from llavaction.sft.options import OptionMaker
from llavaction.sft.prompts import PromptsConfig
from llavaction.specialists.predictions import TopKPredictions
from llavaction.text.encoders.hashing import HashingEncoder

PROMPTS_FOLDER = Path(__file__).resolve().parents[2] / "configs" / "prompts"
PROMPTS = PromptsConfig(
    name="test",
    mqa_question="Which is it?\n{options}",
    direct_question="What is it?",
    prior_question="Before it:\n{actions}\n{question}",
    prior_action="- {text}, {before_s} s ago",
    detection_question="When in {clip_s} s is it, for {duration_s} s? {narration}",
    caption_question="Describe it.",
)

VERBS = {"take": ("take", "grab"), "put": ("put", "put-down"), "wash": ("wash", "rinse")}
NOUNS = {"plate": ("plate", "dish"), "cup": ("cup", "mug"), "knife": ("knife",), "tap": ("tap",)}
MORE_NOUNS = {**NOUNS, **{name: (name,) for name in ("pan", "lid", "fork", "bowl", "pot", "onion", "salt", "oven")}}
"""Each class's key and the words for it."""


class Row(NamedTuple):
    """A segment: its narration and classes; without a start it begins 2.5 s after the row before it has ended."""

    narration: str
    verb_id: int
    noun_id: int
    start_s: float | None = None
    length_s: float = 2.5
    video_id: str | None = None


Rows = Sequence[tuple[str, int, int] | Row]


def one_text_each(nouns: Mapping[str, tuple[str, ...]] = NOUNS) -> list[tuple[str, int, int]]:
    """A row of each class, with the class's name for narration."""
    return [
        (f"{verb} {noun}", verb_id, noun_id) for verb_id, verb in enumerate(VERBS) for noun_id, noun in enumerate(nouns)
    ]


ONE_TEXT_EACH = one_text_each()
CLASSES = [(verb_id, noun_id) for _, verb_id, noun_id in ONE_TEXT_EACH]


def load_prompts(path: Path) -> PromptsConfig:
    """One of the prompt files of `configs/`."""
    return PromptsConfig(**yaml.safe_load(path.read_text(encoding="utf-8")))


def make_annotations(
    train: Rows,
    validation: Rows,
    nouns: Mapping[str, tuple[str, ...]] = NOUNS,
    durations: Mapping[str, float] | None = None,
) -> Annotations:
    """A dataset with these segments, `T0`, `T1`, ... of `P01_01` and `V0`, `V1`, ... of `P02_01`.

    Args:
        durations: of the videos, in seconds; by default each lasts 10 s longer than its last segment.
    """
    tables = [
        SegmentTable(f"{name}.csv", tuple(_segment(name, at, Row(*row), list(nouns)) for at, row in enumerate(rows)))
        for name, rows in (("train", train), ("validation", validation))
    ]
    last: dict[str, float] = {}
    for segment in [*tables[0], *tables[1]]:
        last[segment.video_id] = max(last.get(segment.video_id, 0.0), segment.stop_s + 10)
    return Annotations(
        train=tables[0],
        validation=tables[1],
        vocabulary=Vocabulary.from_segments(_classes(VERBS), _classes(nouns), [*tables[0], *tables[1]]),
        splits=Splits(frozenset(), frozenset(), frozenset()),
        videos={name: VideoInfo(name, stop_s, 50.0) for name, stop_s in {**last, **(durations or {})}.items()},
        hashes={"train.csv": "aa", "validation.csv": "bb"},
    )


def in_other_order(annotations: Annotations, seed: int) -> Annotations:
    """The same dataset, its rows shuffled."""

    def shuffled(table: SegmentTable) -> SegmentTable:
        segments = list(table)
        random.Random(seed).shuffle(segments)
        return SegmentTable(table.source, tuple(segments))

    return replace(annotations, train=shuffled(annotations.train), validation=shuffled(annotations.validation))


def make_strategy(name: StrategyName, annotations: Annotations) -> DistractorStrategy:
    """A strategy; predictions depend on each segment's id alone."""
    vocabulary = annotations.vocabulary
    if name is StrategyName.RANDOM:
        return RandomDistractors(vocabulary)
    if name is StrategyName.SAME_VERB:
        return SameVerbDistractors(vocabulary)
    if name is StrategyName.SAME_NOUN:
        return SameNounDistractors(vocabulary)
    if name is StrategyName.TEXT_NEIGHBOURS:
        return TextNeighbourDistractors(vocabulary, HashingEncoder())
    if name is StrategyName.MIXED:
        weights = {"same_verb": 1.0, "specialist": 2, "text_neighbours": 0.5}
        return MixedDistractors(
            {StrategyName(part): make_strategy(StrategyName(part), annotations) for part in weights}, weights
        )
    return make_predicted(name, annotations)


def make_predicted(name: StrategyName, annotations: Annotations, top_k: int | None = None) -> PredictedDistractors:
    """Predictions for both splits."""
    segments = [*annotations.train, *annotations.validation]
    num_actions = annotations.vocabulary.num_actions
    rankings = [random.Random(f"{name} {s.segment_id}").sample(range(num_actions), num_actions) for s in segments]
    return _predicted(name, [segment.segment_id for segment in segments], np.array(rankings, np.int32)[:, :top_k])


def same_ranking(annotations: Annotations, ranking: Sequence[int]) -> PredictedDistractors:
    """A specialist that ranks the same actions for every segment."""
    ids = [segment.segment_id for segment in [*annotations.train, *annotations.validation]]
    return _predicted(StrategyName.SPECIALIST, ids, np.tile(np.array(ranking, np.int32), (len(ids), 1)))


def make_options(
    annotations: Annotations,
    *strategies: DistractorStrategy,
    num_options: int = 4,
    option_text: OptionText = OptionText.RANDOM,
    answer_text: AnswerText = AnswerText.NARRATION,
    validity: ValidityConfig | None = None,
) -> OptionMaker:
    """What chooses the options; random distractors unless told."""
    bank = NarrationBank(annotations, option_text)
    texts = [segment.narration for segment, _ in all_segments(annotations)]
    similarities = Similarities(HashingEncoder(), [*bank.all_texts(), *texts])
    checks = Validity.prepare(validity or ValidityConfig(), annotations, similarities)
    chosen = strategies or (RandomDistractors(annotations.vocabulary),)
    return OptionMaker(annotations.vocabulary, bank, chosen, checks, answer_text, num_options)


def make_builder(
    annotations: Annotations,
    *strategies: DistractorStrategy,
    num_options: int = 4,
    option_text: OptionText = OptionText.RANDOM,
    answer_text: AnswerText = AnswerText.NARRATION,
    validity: ValidityConfig | None = None,
    seed: int = 0,
    prompts: PromptsConfig = PROMPTS,
) -> MqaBuilder:
    """A builder of questions; see `make_options`."""
    options = make_options(
        annotations,
        *strategies,
        num_options=num_options,
        option_text=option_text,
        answer_text=answer_text,
        validity=validity,
    )
    return MqaBuilder(options, prompts, seed)


def all_segments(annotations: Annotations) -> Iterable[tuple[Segment, Split]]:
    """The segments of both splits."""
    for split in Split:
        for segment in annotations.split(split):
            yield segment, split


def overlap_in_time(one: Segment, other: Segment) -> bool:
    """Whether two segments share time."""
    same = one.video_id == other.video_id and one.segment_id != other.segment_id
    return same and one.start_s < other.stop_s and other.start_s < one.stop_s


def _segment(split: str, number: int, row: Row, nouns: Sequence[str]) -> Segment:
    start_s = 1.0 + 5.0 * number if row.start_s is None else row.start_s
    video_id = row.video_id or ("P01_01" if split == "train" else "P02_01")
    return Segment(
        segment_id=f"{split[0].upper()}{number}",
        participant_id=video_id[:3],
        video_id=video_id,
        start_s=start_s,
        stop_s=round(start_s + row.length_s, 3),
        narration=row.narration,
        verb=list(VERBS)[row.verb_id],
        noun=nouns[row.noun_id],
        verb_id=row.verb_id,
        noun_id=row.noun_id,
    )


def _classes(names: Mapping[str, tuple[str, ...]]) -> tuple[ClassName, ...]:
    return tuple(ClassName(at, key, words, "") for at, (key, words) in enumerate(names.items()))


def _predicted(name: StrategyName, segment_ids: list[str], action_ids: np.ndarray) -> PredictedDistractors:
    scores = np.full(action_ids.shape, np.nan, np.float32)
    return PredictedDistractors(name, TopKPredictions(str(name), tuple(segment_ids), action_ids, scores))


def _timed(rows: list[tuple[str, tuple[int, int], int, int]]) -> list[Row]:
    """A row every 4 s, up to 2 s late and up to 6 s long: each may overlap with its neighbours, and with no other."""
    return [
        Row(text, *pair, start_s=round(4 * at + late / 100, 2), length_s=length / 100)
        for at, (text, pair, late, length) in enumerate(rows)
    ]


def _make_world(
    train: list[tuple[str, tuple[int, int], int, int]], validation: list[tuple[str, tuple[int, int], int, int]]
) -> Annotations:
    # Every class has a text of its own, so that there are always enough; the further rows bring texts that several
    # classes share, other spellings and other words for a class, classes with several texts, and overlaps in time.
    apart = [Row(*row, video_id="P01_00") for row in ONE_TEXT_EACH]
    return make_annotations([*_timed(train), *apart], _timed(validation))


_styles = st.sampled_from(["{}", "{}.", "{} again", " {}", "THE {}"])
_names = st.sampled_from([text for text, _, _ in ONE_TEXT_EACH] + ["rinse the mugs", "grab dish", "stir"])
_rows = st.tuples(
    st.builds(str.format, _styles, _names), st.sampled_from(CLASSES), st.integers(0, 200), st.integers(1, 600)
)

worlds = st.builds(_make_world, st.lists(_rows, max_size=8), st.lists(_rows, min_size=1, max_size=5))
