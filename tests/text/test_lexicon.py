from __future__ import annotations

import pytest

from llavaction.annotations.vocabulary import ClassName
from llavaction.text.lexicon import NounLexicon, make_verb_lexicon, words_of
from tests.text.kitchen import NOUNS, classes

LEXICON = NounLexicon(classes(NOUNS))


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("Put the plate: down!", "put plate down"),
        ("spoon:slotted", "spoon slotted"),
        ("put-down", "put down"),
        ("chopping_blade", "chopping blade"),
        ("sun-dried T-shirt", "sun dried t shirt"),
        ("don't wash V60", "don't wash v60"),
        ("wash up the washing-up bowl", "wash up washing bowl"),
        ("the", ""),
    ],
)
def test_words(text: str, words: str) -> None:
    assert words_of(text) == tuple(words.split())


def test_verbs_stand_in_all_their_forms_and_ambiguous_ones_as_none() -> None:
    verbs = [ClassName(0, "cut", ("cut-off", "part"), ""), ClassName(1, "divide", ("part", "divide"), "")]
    lexicon = make_verb_lexicon(verbs)
    assert lexicon[("cutting", "off")] == lexicon[("cut", "off")] == 0
    assert lexicon[("divided",)] == 1
    assert lexicon[("parted",)] is lexicon[("part",)] is None
    assert ("cut",) not in lexicon


@pytest.mark.parametrize(
    ("words", "key"),
    [
        ("slotted spoon", "spoon"),
        ("spoon slotted", "spoon"),
        ("big spring onion", "onion:spring"),
        ("spring red onion", "onion"),
        # Both orders are names: the spoken one of scoop:coffee, the listed one of coffee:scoop.
        ("coffee scoop", "coffee"),
        ("sous vide machine", "machine:sous:vide"),
    ],
)
def test_the_longest_name_at_the_end_counts(words: str, key: str) -> None:
    assert LEXICON.class_of(tuple(words.split())) == list(NOUNS).index(key)


@pytest.mark.parametrize("words", ["", "dragon", "onion dragon", "sack", "big sack"])
def test_unknown_and_ambiguous_nouns(words: str) -> None:
    assert LEXICON.class_of(tuple(words.split())) is None


@pytest.mark.parametrize(
    ("head", "of", "key"),
    [
        ("piece", "onion", "onion"),
        ("bag", "onion", "bag"),
        ("scoop", "coffee", "coffee"),
        ("coffee", "scoop", "spoon"),
        ("handful", "red onion", "onion"),
    ],
)
def test_heads_and_what_they_are_of(head: str, of: str, key: str) -> None:
    assert LEXICON.class_of_parts(tuple(head.split()), tuple(of.split())) == list(NOUNS).index(key)


def test_name_length() -> None:
    words = ("take", "sous", "vide", "machine", "over")
    assert [LEXICON.name_length(words, start) for start in range(5)] == [0, 3, 0, 1, 0]
