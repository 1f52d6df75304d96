"""Small worlds for the builders, made in memory: 3 verbs, 4 nouns, any narrations."""

from __future__ import annotations

import random
from collections.abc import Iterable, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import yaml
from hypothesis import strategies as st

from llavaction.annotations.epic_kitchens import Annotations, Split
from llavaction.annotations.segments import Segment, SegmentTable
from llavaction.annotations.splits import Splits
from llavaction.annotations.vocabulary import ClassName, Vocabulary
from llavaction.sft.builders.mqa import MqaBuilder
from llavaction.sft.distractors import DistractorStrategy
from llavaction.sft.distractors.random import RandomDistractors
from llavaction.sft.distractors.specialist import SpecialistDistractors
from llavaction.sft.narrations import NarrationBank
from llavaction.sft.prompts import PromptsConfig
from llavaction.specialists.predictions import TopKPredictions

PROMPTS_FOLDER = Path(__file__).resolve().parents[2] / "configs" / "prompts"
PROMPTS = PromptsConfig(name="test", mqa_question="Which is it?\n{options}", direct_question="What is it?")

VERBS = ("take", "put", "wash")
NOUNS = ("plate", "cup", "knife", "tap")
CLASSES = [(verb_id, noun_id) for verb_id in range(len(VERBS)) for noun_id in range(len(NOUNS))]

Row = tuple[str, int, int]
"""Narration, verb id, noun id."""

ONE_TEXT_EACH: list[Row] = [(f"{VERBS[verb_id]} {NOUNS[noun_id]}", verb_id, noun_id) for verb_id, noun_id in CLASSES]


def load_prompts(path: Path) -> PromptsConfig:
    """One of the prompt files of `configs/`."""
    return PromptsConfig(**yaml.safe_load(path.read_text(encoding="utf-8")))


def make_annotations(train: Sequence[Row], validation: Sequence[Row]) -> Annotations:
    """A dataset with these segments, `T0`, `T1`, ... and `V0`, `V1`, ..."""
    tables = [
        SegmentTable(f"{name}.csv", tuple(_segment(f"{name[0].upper()}{at}", row) for at, row in enumerate(rows)))
        for name, rows in (("train", train), ("validation", validation))
    ]
    return Annotations(
        train=tables[0],
        validation=tables[1],
        vocabulary=Vocabulary.from_segments(_classes(VERBS), _classes(NOUNS), [*tables[0], *tables[1]]),
        splits=Splits(frozenset(), frozenset(), frozenset()),
        videos={},
        hashes={"train.csv": "aa", "validation.csv": "bb"},
    )


def in_other_order(annotations: Annotations, seed: int) -> Annotations:
    """The same dataset, its rows shuffled."""

    def shuffled(table: SegmentTable) -> SegmentTable:
        segments = list(table)
        random.Random(seed).shuffle(segments)
        return SegmentTable(table.source, tuple(segments))

    return replace(annotations, train=shuffled(annotations.train), validation=shuffled(annotations.validation))


def make_specialist(annotations: Annotations, top_k: int | None = None) -> SpecialistDistractors:
    """Predictions for both splits, which depend on each segment's id alone."""
    segments = [*annotations.train, *annotations.validation]
    num_actions = annotations.vocabulary.num_actions
    rankings = [random.Random(segment.segment_id).sample(range(num_actions), num_actions) for segment in segments]
    action_ids = np.array(rankings, np.int32)[:, :top_k]
    return _specialist(annotations, [segment.segment_id for segment in segments], action_ids)


def same_ranking(annotations: Annotations, ranking: Sequence[int]) -> SpecialistDistractors:
    """A specialist that ranks the same actions for every segment."""
    ids = [segment.segment_id for segment in [*annotations.train, *annotations.validation]]
    return _specialist(annotations, ids, np.tile(np.array(ranking, np.int32), (len(ids), 1)))


def make_builder(
    annotations: Annotations, strategy: DistractorStrategy | None = None, num_options: int = 4, seed: int = 0
) -> MqaBuilder:
    """A builder of questions; random distractors unless told."""
    vocabulary = annotations.vocabulary
    bank = NarrationBank([*annotations.train, *annotations.validation], vocabulary)
    return MqaBuilder(vocabulary, PROMPTS, bank, strategy or RandomDistractors(vocabulary), num_options, seed)


def all_segments(annotations: Annotations) -> Iterable[tuple[Segment, Split]]:
    """The segments of both splits."""
    for split in Split:
        for segment in annotations.split(split):
            yield segment, split


def _segment(segment_id: str, row: Row) -> Segment:
    narration, verb_id, noun_id = row
    return Segment(segment_id, "P01", "P01_01", 1.0, 3.5, narration, VERBS[verb_id], NOUNS[noun_id], verb_id, noun_id)


def _classes(keys: Sequence[str]) -> tuple[ClassName, ...]:
    return tuple(ClassName(at, key, (key,), "") for at, key in enumerate(keys))


def _specialist(annotations: Annotations, segment_ids: list[str], action_ids: np.ndarray) -> SpecialistDistractors:
    scores = np.full(action_ids.shape, np.nan, np.float32)
    predictions = TopKPredictions("specialist", tuple(segment_ids), action_ids, scores)
    return SpecialistDistractors(predictions, annotations.vocabulary, {})


_styles = st.sampled_from(["{}", "{}.", "{} again", " {}", "THE {}"])
_texts = st.builds(lambda style, row: style.format(row[0]), _styles, st.sampled_from(ONE_TEXT_EACH))
_rows = st.builds(lambda text, pair: (text, *pair), _texts, st.sampled_from(CLASSES))

# Every class has a text of its own, so that there are always enough; the further rows bring texts that several
# classes share, equal texts in other spelling, and classes with several texts.
worlds = st.builds(
    lambda train, validation: make_annotations([*ONE_TEXT_EACH, *train], validation),
    st.lists(_rows, max_size=16),
    st.lists(_rows, min_size=1, max_size=8),
)
