from __future__ import annotations

from dataclasses import replace

import pytest

from llavaction.annotations.epic_kitchens import Annotations
from llavaction.annotations.splits import Splits
from tests.annotations.test_segments import SEGMENT

SPLITS = Splits(frozenset({1}), frozenset({5}), frozenset({"P18"}))


@pytest.mark.parametrize(
    ("verb_id", "noun_id", "is_tail"), [(1, 5, True), (1, 0, True), (0, 5, True), (0, 0, False), (5, 1, False)]
)
def test_a_tail_verb_or_a_tail_noun_makes_a_tail_action(verb_id: int, noun_id: int, is_tail: bool) -> None:
    segment = replace(SEGMENT, verb_id=verb_id, noun_id=noun_id)
    assert SPLITS.is_tail_action(segment) is is_tail
    assert SPLITS.is_tail_verb(segment) is (verb_id == 1)
    assert SPLITS.is_tail_noun(segment) is (noun_id == 5)


def test_unseen_is_about_the_participant() -> None:
    assert SPLITS.is_unseen(replace(SEGMENT, participant_id="P18"))
    assert not SPLITS.is_unseen(replace(SEGMENT, participant_id="P01"))


def test_real_subset_sizes(ek100: Annotations) -> None:
    splits, validation = ek100.splits, ek100.validation
    assert (len(splits.tail_verb_ids), len(splits.tail_noun_ids)) == (86, 228)
    assert splits.unseen_participant_ids == {"P18", "P32"}
    assert sum(map(splits.is_tail_verb, validation)) == 1760
    assert sum(map(splits.is_tail_noun, validation)) == 1900
    assert sum(map(splits.is_tail_action, validation)) == 3105
    assert sum(map(splits.is_unseen, validation)) == 1065
