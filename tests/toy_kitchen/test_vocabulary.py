from __future__ import annotations

from collections import defaultdict
from itertools import product

import pytest

from llavaction.toy_kitchen.vocabulary import (
    EXTRA_NOUN,
    NOUN_IDS,
    NOUNS,
    VERBS,
    look_alike_id,
    narrate,
    reverse_verb_id,
)


def test_no_narration_means_two_classes() -> None:
    meanings = defaultdict(set)
    for verb, noun in product(VERBS, (*NOUNS, EXTRA_NOUN)):
        for verb_word, noun_word in product(verb.instances, noun.instances):
            meanings[narrate(verb_word, noun_word)].add((verb.key, noun.key))
    assert len(meanings) > 500
    assert {text: found for text, found in meanings.items() if len(found) > 1} == {}


def test_verbs_and_nouns_come_in_pairs() -> None:
    reverses = [reverse_verb_id(verb_id) for verb_id in range(len(VERBS))]
    look_alikes = [look_alike_id(noun_id) for noun_id in range(len(NOUNS))]
    for partners in (reverses, look_alikes):
        assert all(partner != own and partners[partner] == own for own, partner in enumerate(partners))
    assert (len(VERBS), len(NOUNS)) == (8, 10)
    assert NOUNS[look_alike_id(NOUN_IDS["plate"])].key == "lid"


@pytest.mark.parametrize("classes", [VERBS, NOUNS])
def test_shares_fall_off_and_sum_to_one(classes: tuple) -> None:
    shares = [item.share for item in classes]
    assert sum(shares) == pytest.approx(1.0)
    assert shares == sorted(shares, reverse=True)


def test_every_class_is_called_by_its_key_too() -> None:
    assert all(item.key in item.instances for item in (*VERBS, *NOUNS, EXTRA_NOUN))


@pytest.mark.parametrize(
    ("verb", "noun", "spoken"),
    [
        ("take", "cup", "take cup"),
        ("put-down", "plate:small", "put down small plate"),
        ("open", "lid:rice:cooker", "open rice cooker lid"),
    ],
)
def test_narration_reads_as_in_the_real_tables(verb: str, noun: str, spoken: str) -> None:
    assert narrate(verb, noun) == spoken
