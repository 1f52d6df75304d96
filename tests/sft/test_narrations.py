from __future__ import annotations

from collections import Counter

from llavaction.sft.narrations import NarrationBank
from llavaction.utils.seeding import rng_for
from tests.sft.worlds import make_annotations

TEXTS = [("take plate", 0, 0)] * 6 + [("grab plate", 0, 0)] * 3 + [("Take plate.", 0, 0), ("wash cup", 2, 1)]
ANNOTATIONS = make_annotations(TEXTS, [])
BANK = NarrationBank(ANNOTATIONS.train, ANNOTATIONS.vocabulary)


def test_texts_are_drawn_as_often_as_annotators_wrote_them() -> None:
    rng = rng_for(0, "bank")
    counts = Counter(BANK.draw(0, rng, set()) for _ in range(4000))
    expected = {"take plate": 2400, "grab plate": 1200, "Take plate.": 400}
    assert counts.keys() == expected.keys()
    statistic = sum((counts[text] - number) ** 2 / number for text, number in expected.items())
    assert statistic < 9.21  # chi-square, 2 degrees of freedom, p = 0.01


def test_a_class_gives_its_own_texts_only() -> None:
    assert BANK.draw(1, rng_for(0), set()) == "wash cup"


def test_taken_texts_are_not_given_in_any_spelling() -> None:
    rng = rng_for(0, "taken")
    assert {BANK.draw(0, rng, {"take plate"}) for _ in range(50)} == {"grab plate"}


def test_none_when_all_texts_are_taken() -> None:
    assert BANK.draw(0, rng_for(0), {"take plate", "grab plate"}) is None


def test_the_order_of_segments_does_not_matter() -> None:
    backwards = NarrationBank(reversed(ANNOTATIONS.train.segments), ANNOTATIONS.vocabulary)
    first, second = rng_for(0, "order"), rng_for(0, "order")
    assert [BANK.draw(0, first, set()) for _ in range(50)] == [backwards.draw(0, second, set()) for _ in range(50)]
