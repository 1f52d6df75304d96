"""The texts of a class, one first, then the others."""

from __future__ import annotations

from collections import Counter

import pytest

from llavaction.sft.narrations import NarrationBank, OptionText
from llavaction.utils.draws import draws_for
from tests.sft.worlds import Row, Rows, in_other_order, make_annotations

TEXTS: Rows = [("take plate", 0, 0)] * 6 + [("grab plate", 0, 0)] * 3 + [("Take plate.", 0, 0), ("wash cup", 2, 1)]
ANNOTATIONS = make_annotations(TEXTS, [])
BANK = NarrationBank(ANNOTATIONS, OptionText.RANDOM)


def test_random_texts_are_drawn_as_often_as_annotators_wrote_them() -> None:
    draws = draws_for(0, "bank")
    counts = Counter(next(BANK.texts(0, draws)) for _ in range(4000))
    expected = {"take plate": 2400, "grab plate": 1200, "Take plate.": 400}
    assert counts.keys() == expected.keys()
    statistic = sum((counts[text] - number) ** 2 / number for text, number in expected.items())
    assert statistic < 9.21  # chi-square, 2 degrees of freedom, p = 0.01


@pytest.mark.parametrize("choice", list(OptionText))
def test_a_class_gives_all_of_its_own_texts_and_no_other(choice: OptionText) -> None:
    bank = NarrationBank(ANNOTATIONS, choice)
    others = {"take plate"} if choice is OptionText.CLASS_KEY else {"take plate", "grab plate", "Take plate."}
    assert set(bank.texts(0, draws_for(0))) == others
    assert set(bank.texts(1, draws_for(0))) == {"wash cup"}
    assert set(bank.all_texts()) == {*others, "wash cup"}


def test_the_most_frequent_text_comes_first_and_ties_go_by_the_alphabet() -> None:
    annotations = make_annotations([*TEXTS, ("Grab dish", 0, 0)], [("grab plate", 0, 0)] * 4)
    bank = NarrationBank(annotations, OptionText.MOST_FREQUENT)
    assert list(bank.texts(0, draws_for(0))) == ["grab plate", "take plate", "Grab dish", "Take plate."]


def test_the_first_seen_text_is_training_before_validation_then_by_video_and_time() -> None:
    train = [
        Row("third", 0, 0, 9.0, video_id="P01_02"),
        Row("second", 0, 0, 3.0, video_id="P01_02"),
        Row("first", 0, 0, 50.0, video_id="P01_01"),
    ]
    annotations = make_annotations(train, [Row("fourth", 0, 0, 0.0, video_id="P00_01")])
    bank = NarrationBank(annotations, OptionText.FIRST_SEEN)
    assert list(bank.texts(0, draws_for(0))) == ["first", "second", "third", "fourth"]


def test_class_keys_are_said_as_people_would() -> None:
    nouns = {"spoon:slotted": ("spoon:slotted",)}
    bank = NarrationBank(make_annotations([("grab it", 0, 0)], [], nouns), OptionText.CLASS_KEY)
    assert list(bank.texts(0, draws_for(0))) == ["take slotted spoon"]


@pytest.mark.parametrize("choice", list(OptionText))
def test_the_order_of_rows_does_not_matter(choice: OptionText) -> None:
    shuffled = NarrationBank(in_other_order(ANNOTATIONS, 1), choice)
    bank = NarrationBank(ANNOTATIONS, choice)
    first, second = draws_for(0, "order"), draws_for(0, "order")
    for _ in range(20):
        assert list(bank.texts(0, first)) == list(shuffled.texts(0, second))
