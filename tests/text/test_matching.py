from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from llavaction.annotations.segments import Segment
from llavaction.text.matching import narration_classes, normalise
from tests.annotations.test_segments import SEGMENT
from tests.properties import reproducible


@pytest.mark.parametrize(
    ("text", "normal"),
    [
        ("Put down  the Plate.", "put down the plate"),
        ("  take plate\n", "take plate"),
        ("spoon:slotted", "spoon slotted"),
        ("put-down", "put down"),
        ("it's", "it s"),
        ("SAUTÉ", "sauté"),
        ("turn_on 2", "turn_on 2"),
        ("?!", ""),
    ],
)
def test_normalise(text: str, normal: str) -> None:
    assert normalise(text) == normal


@reproducible
@given(st.text(max_size=20))
def test_normalising_twice_changes_nothing(text: str) -> None:
    assert normalise(normalise(text)) == normalise(text)


def segment(narration: str, verb_id: int, noun_id: int) -> Segment:
    return replace(SEGMENT, narration=narration, verb_id=verb_id, noun_id=noun_id)


def test_the_most_frequent_class_wins() -> None:
    segments = [segment("rinse cup", 1, 1), segment("Rinse cup.", 2, 1), segment("rinse  cup", 2, 1)]
    assert narration_classes(segments) == {"rinse cup": "2:1"}


def test_ties_go_to_the_key_that_sorts_first_as_text() -> None:
    segments = [segment("rinse cup", 9, 1), segment("rinse cup", 10, 1)]
    assert narration_classes(segments) == narration_classes(segments[::-1]) == {"rinse cup": "10:1"}


def test_texts_come_sorted() -> None:
    segments = [segment("wash cup", 2, 1), segment("open tap", 3, 3), segment("take cup", 0, 1)]
    assert list(narration_classes(segments)) == ["open tap", "take cup", "wash cup"]


annotated = st.builds(
    segment, st.sampled_from(["rinse cup", "Rinse cup", "wash"]), st.sampled_from([2, 9, 10]), st.sampled_from([0, 1])
)


@reproducible
@given(st.lists(annotated, max_size=12).flatmap(lambda rows: st.tuples(st.just(rows), st.permutations(rows))))
def test_row_order_does_not_matter(orders: tuple[list[Segment], list[Segment]]) -> None:
    segments, shuffled = orders
    assert list(narration_classes(segments).items()) == list(narration_classes(shuffled).items())
