from __future__ import annotations

import pytest

from llavaction.annotations.epic_kitchens import Annotations
from llavaction.text.inflections import singular, verb_forms


@pytest.mark.parametrize(
    ("plural", "word"),
    [
        ("onions", "onion"),
        ("knives", "knife"),
        ("leaves", "leaf"),
        ("potatoes", "potato"),
        ("berries", "berry"),
        ("pies", "pie"),
        ("peaches", "peach"),
        ("dishes", "dish"),
        ("boxes", "box"),
        ("glasses", "glass"),
        ("cheeses", "cheese"),
        ("chillies", "chilli"),
        ("cookies", "cookie"),
        ("scissors", "scissor"),
    ],
)
def test_plurals(plural: str, word: str) -> None:
    assert singular(plural) == word
    assert singular(word) == word


@pytest.mark.parametrize("word", ["glass", "hummus", "asparagus", "gas", "clothes", "rice", "tv", "v60", ""])
def test_what_is_no_plural_stays(word: str) -> None:
    assert singular(word) == word


@pytest.mark.parametrize(
    ("base", "forms"),
    [
        ("chop", "chop chops chopping chopped"),
        ("peel", "peel peels peeling peeled"),
        ("slice", "slice slices slicing sliced"),
        ("mix", "mix mixes mixing mixed"),
        ("dry", "dry dries drying dried"),
        ("wash", "wash washes washing washed"),
        ("screw", "screw screws screwing screwed"),
        ("pour", "pour pours pouring poured"),
        ("tie", "tie ties tying tied"),
        ("cut", "cut cuts cutting"),
        ("put", "put puts putting"),
        ("take", "take takes taking took taken"),
        ("shake", "shake shakes shaking shook shaken"),
        ("lay", "lay lays laying laid"),
        ("squeeze", "squeeze squeezes squeezing squeezed"),
        ("unplug", "unplug unplugs unpluging unplugging unpluged unplugged"),
        ("open", "open opens opening openning opened openned"),
    ],
)
def test_verb_forms(base: str, forms: str) -> None:
    assert verb_forms(base) == tuple(forms.split())


def test_no_form_of_a_real_verb_belongs_to_another_class(ek100: Annotations) -> None:
    class_of: dict[str, int] = {}
    for verb in ek100.vocabulary.verbs:
        for name in verb.instances:
            if "-" not in name:
                for form in verb_forms(name):
                    assert class_of.setdefault(form, verb.class_id) == verb.class_id, form


def test_no_singular_of_a_real_noun_belongs_to_another_class(ek100: Annotations) -> None:
    class_of: dict[str, int] = {}
    for noun in ek100.vocabulary.nouns:
        for name in noun.instances:
            base = ":".join(singular(word) for word in name.split(":"))
            assert class_of.setdefault(base, noun.class_id) == noun.class_id, name
