from __future__ import annotations

import pytest

from llavaction.annotations.epic_kitchens import Annotations
from llavaction.text.class_texts import action_text, class_texts, noun_text, verb_text
from tests.text.kitchen import ids, make_vocabulary


@pytest.mark.parametrize(("key", "text"), [("take", "take"), ("put-down", "put down"), ("let-go", "let go")])
def test_verbs(key: str, text: str) -> None:
    assert verb_text(key) == text


@pytest.mark.parametrize(
    ("key", "text"),
    [
        ("plate", "plate"),
        ("spoon:slotted", "slotted spoon"),
        ("machine:sous:vide", "sous vide machine"),
        ("scotch:egg", "scotch egg"),
        ("v60", "v60"),
    ],
)
def test_nouns(key: str, text: str) -> None:
    assert noun_text(key) == text


def test_texts_come_in_the_order_of_action_ids() -> None:
    keys = [f"{verb_id}:{noun_id}" for verb_id, noun_id in (ids("turn-off", "machine:washing"), ids("wash", "plate"))]
    vocabulary = make_vocabulary(*keys)
    # "10:2" sorts before "4:6" as text.
    assert class_texts(vocabulary) == ["wash plate", "turn off washing machine"]
    assert action_text(vocabulary, 1) == "turn off washing machine"


def test_real_classes_have_distinct_plain_texts(ek100: Annotations) -> None:
    texts = class_texts(ek100.vocabulary)
    assert len(set(texts)) == len(texts) == ek100.vocabulary.num_actions
    assert not [text for text in texts if ":" in text or "-" in text]
    assert {"cut spring onion", "turn on tap", "put scotch egg", "wash chopping board"} <= set(texts)
