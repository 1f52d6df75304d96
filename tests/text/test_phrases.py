from __future__ import annotations

import time

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from llavaction.annotations.epic_kitchens import Annotations
from llavaction.annotations.vocabulary import ClassName, Vocabulary
from llavaction.text.class_texts import noun_text, verb_text
from llavaction.text.phrases import PhraseBook
from tests.properties import reproducible
from tests.text.kitchen import ids, make_vocabulary

BOOK = PhraseBook(make_vocabulary())
SOME_WORDS = ["take", "put", "down", "in", "the", "of", "and", "then", "start", "washing", "up", "tap", "a", "water"]


@pytest.mark.parametrize(
    ("phrase", "verb", "noun"),
    [
        ("take plate", "take", "plate"),
        ("Taking the plates.", "take", "plate"),
        ("cutting the onions", "cut", "onion"),
        ("chopped an onion", "cut", "onion"),
        ("took my knives", "take", "knife"),
        # Particles: beside the verb, after the object, and as prepositions.
        ("put down plate", "put", "plate"),
        ("put plate down", "put", "plate"),
        ("turn on tap", "turn-on", "tap"),
        ("turn the tap off", "turn-off", "tap"),
        ("turn tap", "turn", "tap"),
        ("turn plate over", "turn", "plate"),
        ("put plate in cupboard", "insert", "plate"),
        ("put plate on cupboard", "put", "plate"),
        ("put knife and fork in cupboard", "insert", "knife"),
        ("take plate out of cupboard", "remove", "plate"),
        ("take out plate", "remove", "plate"),
        ("let go of plate", "let-go", "plate"),
        ("put plate back", "put", "plate"),
        ("put plate back in cupboard", "insert", "plate"),
        ("put back plate into cupboard", "insert", "plate"),
        ("put in the bin", "insert", "bin"),
        # Nouns of several words, in spoken order, as listed and unlisted.
        ("wash slotted spoon", "wash", "spoon"),
        ("wash spoon slotted", "wash", "spoon"),
        ("wash spoon:slotted", "wash", "spoon"),
        ("take spring onions", "take", "onion:spring"),
        ("take big red onion", "take", "onion"),
        ("take cutting board", "take", "board:chopping"),
        ("take piece of onion", "take", "onion"),
        ("take bag of flour", "take", "bag"),
        ("take handful of onions", "take", "onion"),
        ("take washing up bowl", "take", "bowl"),
        ("pick up washing-up liquid", "take", "liquid:washing"),
        ("take left over rice", "take", "rice"),
        ("take left over", "take", "leftover"),
        ("take clothes", "take", "clothes"),
        ("take cloths", "take", "cloth"),
        ("take coffee scoop", "take", "coffee"),
        ("take scoop of coffee", "take", "coffee"),
        # Words around the action.
        ("still rinsing plate", "wash", "plate"),
        ("continue chopping onion", "cut", "onion"),
        ("and close cupboard", "close", "cupboard"),
        ("start cutting onion", "cut", "onion"),
        ("start washing machine", "turn-on", "machine:washing"),
        ("start machine", "turn-on", "machine:washing"),
        ("stop tap", "finish", "tap"),
        ("take plate and wash it", "take", "plate"),
        ("take plate, then open tap", "take", "plate"),
        ("take plate then wash bowl", "take", "plate"),
        ("take knife and bin", "take", "knife"),
        # What annotators mean by it.
        ("open tap", "turn-on", "tap"),
        ("closing the water tap", "turn-off", "tap"),
        ("turn off hot water", "turn-off", "tap"),
        ("open cupboard", "open", "cupboard"),
    ],
)
def test_phrases(phrase: str, verb: str, noun: str) -> None:
    assert BOOK.classes_of(phrase) == ids(verb, noun)


@pytest.mark.parametrize(
    "phrase",
    [
        "",
        "...",
        "plate",
        "dance with plate",
        "stir",
        "wash",
        "put it down",
        "take something",
        "take something from cupboard",
        "take dragon",
        "wash and dry plate",
        "continue",
        "let plate",
        "take sack",
        "plate take",
    ],
)
def test_what_is_not_understood(phrase: str) -> None:
    assert BOOK.classes_of(phrase) is None


def test_a_name_in_two_classes_is_ambiguous_also_inside_a_longer_phrase() -> None:
    assert BOOK.classes_of("take rice") == ids("take", "rice")
    assert BOOK.classes_of("take big sack") is None
    verbs = (ClassName(0, "cut", ("cut", "part"), ""), ClassName(1, "divide", ("divide", "part"), ""))
    book = PhraseBook(Vocabulary(verbs, make_vocabulary().nouns, ()))
    assert book.classes_of("part onion") is None
    assert book.classes_of("divide onion") == (1, ids("cut", "onion")[1])


def test_a_listed_name_goes_before_a_form_of_another() -> None:
    verbs = (ClassName(0, "leave", ("leave",), ""), ClassName(1, "turn-left", ("left",), ""))
    book = PhraseBook(Vocabulary(verbs, make_vocabulary().nouns, ()))
    assert book.classes_of("left plate") == (1, ids("take", "plate")[1])
    assert book.classes_of("leaving plate") == (0, ids("take", "plate")[1])


def test_same_action() -> None:
    assert BOOK.same_action("cutting the onions", "chop onion")
    assert BOOK.same_action("open tap", "turn tap on")
    assert not BOOK.same_action("cut onion", "cut spring onion")
    assert not BOOK.same_action("cut onion", "wash onion")
    # Two phrases that nobody understands are not known to be the same.
    assert not BOOK.same_action("take something", "take something")


@reproducible
@given(st.text(max_size=40) | st.lists(st.sampled_from(SOME_WORDS)).map(" ".join))
def test_any_text_is_read_and_read_alike_again(text: str) -> None:
    classes = BOOK.classes_of(text)
    assert BOOK.classes_of(text) == classes == PhraseBook(make_vocabulary()).classes_of(text)
    assert BOOK.classes_of(f"  {text.upper()} ") == classes or not text.isascii()


def spoken(verb: str, noun: str) -> str:
    return f"{verb_text(verb)} {noun_text(noun)}"


@pytest.fixture(scope="module")
def real_book(ek100: Annotations) -> PhraseBook:
    return PhraseBook(ek100.vocabulary)


def test_every_real_noun_name_maps_back(ek100: Annotations, real_book: PhraseBook) -> None:
    verb = ek100.vocabulary.verbs[0]
    for noun in ek100.vocabulary.nouns:
        for name in noun.instances:
            assert real_book.classes_of(spoken(verb.key, name)) == (verb.class_id, noun.class_id), name


def test_every_real_verb_name_maps_back(ek100: Annotations, real_book: PhraseBook) -> None:
    nouns = {noun.key: noun for noun in ek100.vocabulary.nouns}
    for verb in ek100.vocabulary.verbs:
        for name in verb.instances:
            for key in ("plate", "board:chopping", "machine:washing"):
                expected = (verb.class_id, nouns[key].class_id)
                assert real_book.classes_of(spoken(name, key)) == expected, name


@reproducible
@given(data=st.data())
def test_real_pairs_of_names_map_back(ek100: Annotations, real_book: PhraseBook, data: st.DataObject) -> None:
    verb = data.draw(st.sampled_from(ek100.vocabulary.verbs))
    noun = data.draw(st.sampled_from(ek100.vocabulary.nouns))
    verb_name, noun_name = data.draw(st.sampled_from(verb.instances)), data.draw(st.sampled_from(noun.instances))
    # Other readings: "look" + "inside bowl" is also "look inside" + "bowl"; "open" + "tap" is meant as "turn on".
    assume(not noun_name.endswith(":inside") and noun.key not in {"tap", "water"})
    assert real_book.classes_of(spoken(verb_name, noun_name)) == (verb.class_id, noun.class_id)


def test_real_narrations_are_understood_as_annotators_did(ek100: Annotations) -> None:
    book = PhraseBook(ek100.vocabulary)
    segments = [*ek100.train, *ek100.validation]
    start_s = time.perf_counter()
    read = [book.classes_of(segment.narration) for segment in segments]
    spent_s = time.perf_counter() - start_s
    understood = [(classes, segment) for classes, segment in zip(read, segments) if classes is not None]
    right = [classes == (segment.verb_id, segment.noun_id) for classes, segment in understood]

    assert len(segments) == 38_691
    # 0.98405 and 0.99230 when this was written.
    assert len(understood) / len(segments) > 0.983
    assert sum(right) / len(understood) > 0.991
    # 10,580 distinct texts, which take 0.2 s; a busy machine may need longer.
    assert spent_s < 5
