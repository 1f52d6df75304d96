from __future__ import annotations

import random
from dataclasses import replace

import pytest

from llavaction.annotations.epic_kitchens import Annotations
from llavaction.annotations.vocabulary import ClassName, Vocabulary
from llavaction.utils.errors import DataError
from tests.annotations.test_segments import SEGMENT

VERBS = tuple(ClassName(number, f"verb{number}", (), "") for number in range(12))
NOUNS = tuple(ClassName(number, f"noun{number}", (), "") for number in range(4))
PAIRS = [(2, 0), (10, 2), (1, 3), (1, 2), (1, 2)]


def vocabulary_of(pairs: list[tuple[int, int]]) -> Vocabulary:
    segments = [replace(SEGMENT, verb_id=verb_id, noun_id=noun_id) for verb_id, noun_id in pairs]
    return Vocabulary.from_segments(VERBS, NOUNS, segments)


def test_action_ids_are_ranks_among_keys_sorted_as_text() -> None:
    # "0" sorts before ":", so verb 10 comes before verb 1.
    vocabulary = vocabulary_of(PAIRS)
    assert vocabulary.action_keys == ("10:2", "1:2", "1:3", "2:0")
    assert [vocabulary.action_id(*pair) for pair in [(10, 2), (1, 2), (1, 3), (2, 0)]] == [0, 1, 2, 3]
    assert vocabulary.num_actions == 4


def test_action_ids_do_not_depend_on_row_order() -> None:
    pairs = list(PAIRS)
    random.Random(0).shuffle(pairs)
    assert pairs != PAIRS
    assert vocabulary_of(pairs) == vocabulary_of(PAIRS)


def test_ids_keys_and_pairs_agree() -> None:
    vocabulary = vocabulary_of(PAIRS)
    for action_id, key in enumerate(vocabulary.action_keys):
        assert vocabulary.action_id_of_key(key) == action_id
        assert vocabulary.action_id(*vocabulary.verb_noun(action_id)) == action_id
    assert vocabulary.verb_noun(0) == (10, 2)
    assert vocabulary.class_key(0) == "verb10 noun2"


def test_a_pair_that_never_occurs_has_no_id() -> None:
    with pytest.raises(DataError, match=r"action '3:1' is none of the 4 \(verb, noun\) pairs"):
        vocabulary_of(PAIRS).action_id(3, 1)


@pytest.mark.parametrize("keys", [("1:2", "10:2"), ("10:2", "10:2")])
def test_keys_must_be_sorted_and_unique(keys: tuple[str, ...]) -> None:
    with pytest.raises(DataError, match="unique and sorted as text"):
        Vocabulary(VERBS, NOUNS, keys)


def test_real_action_ids(ek100: Annotations) -> None:
    vocabulary = ek100.vocabulary
    assert vocabulary.num_actions == 2684
    assert list(vocabulary.action_keys) == sorted(vocabulary.action_keys)
    # take plate: verb 0, noun 2. The keys before it are those with verb 0 and a noun that sorts before "2".
    assert vocabulary.action_id(0, 2) == sum(key < "0:2" for key in vocabulary.action_keys)
    assert vocabulary.class_key(vocabulary.action_id(0, 2)) == "take plate"
