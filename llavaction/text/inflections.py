"""Inflected words and their base form: "onions" is "onion", "chopping" is "chop".

Written for the short phrases of kitchen narrations, not for English at large. Nouns are cut back to their singular
by a few endings. Verbs go the other way: the forms of a known verb are spelt out, as "slicing" does not tell
whether its verb is "slic", "slice" or "slicce".
"""

from __future__ import annotations

_VOWELS = "aeiou"

# Plurals that the endings below would cut wrongly, and words that only look like plurals.
_SINGULARS = {
    "chillies": "chilli",
    "chilies": "chilli",
    "clothes": "clothes",
    "cookies": "cookie",
    "halves": "half",
    "knives": "knife",
    "leaves": "leaf",
    "loaves": "loaf",
    "series": "series",
    "shelves": "shelf",
    "smoothies": "smoothie",
    "veggies": "veggie",
}

_PAST_FORMS: dict[str, tuple[str, ...]] = {
    "bend": ("bent",),
    "bite": ("bit", "bitten"),
    "blow": ("blew", "blown"),
    "break": ("broke", "broken"),
    "bring": ("brought",),
    "catch": ("caught",),
    "choose": ("chose", "chosen"),
    "cut": ("cut",),
    "draw": ("drew", "drawn"),
    "drink": ("drank", "drunk"),
    "eat": ("ate", "eaten"),
    "fall": ("fell", "fallen"),
    "feel": ("felt",),
    "find": ("found",),
    "fit": ("fit", "fitted"),
    "get": ("got", "gotten"),
    "grind": ("ground",),
    "hang": ("hung",),
    "have": ("had", "has"),
    "hit": ("hit",),
    "hold": ("held",),
    "lay": ("laid",),
    "leave": ("left",),
    "let": ("let",),
    "lie": ("lay", "lain"),
    "light": ("lit",),
    "make": ("made",),
    "put": ("put",),
    "read": ("read",),
    "rise": ("rose", "risen"),
    "see": ("saw", "seen"),
    "set": ("set",),
    "shake": ("shook", "shaken"),
    "shut": ("shut",),
    "slide": ("slid",),
    "spin": ("spun",),
    "split": ("split",),
    "spread": ("spread",),
    "stand": ("stood",),
    "stick": ("stuck",),
    "sweep": ("swept",),
    "take": ("took", "taken"),
    "tear": ("tore", "torn"),
    "throw": ("threw", "thrown"),
    "unfreeze": ("unfroze", "unfrozen"),
    "wear": ("wore", "worn"),
    "wet": ("wet",),
    "wring": ("wrung",),
}


def singular(word: str) -> str:
    """The singular of a noun; a word that is no plural comes back as it is.

    >>> [singular(word) for word in ("onions", "potatoes", "berries", "peaches", "glass", "hummus")]
    ['onion', 'potato', 'berry', 'peach', 'glass', 'hummus']
    """
    if word in _SINGULARS:
        return _SINGULARS[word]
    if len(word) <= 3 or not word.endswith("s") or word.endswith(("ss", "us", "is")):
        return word
    if word.endswith("ies") and len(word) > 4:
        return word[:-3] + "y"
    if word.endswith(("sses", "shes", "ches", "xes", "oes")):
        return word[:-2]
    return word[:-1]


def verb_forms(base: str) -> tuple[str, ...]:
    """The base and its forms in -s, -ing and -ed, or its irregular past.

    >>> verb_forms("chop")
    ('chop', 'chops', 'chopping', 'chopped')
    >>> verb_forms("take")
    ('take', 'takes', 'taking', 'took', 'taken')
    """
    third = base[:-1] + "ies" if _ends_in_consonant_y(base) else base + _plural_ending(base)
    forms = [base, third, *(stem + "ing" for stem in _ing_stems(base))]
    past = _PAST_FORMS.get(base)
    forms += past if past is not None else (stem + "ed" for stem in _ed_stems(base))
    return tuple(dict.fromkeys(forms))


def _plural_ending(base: str) -> str:
    return "es" if base.endswith(("s", "x", "z", "sh", "ch", "o")) else "s"


def _ends_in_consonant_y(word: str) -> bool:
    return len(word) > 1 and word.endswith("y") and word[-2] not in _VOWELS


def _ing_stems(base: str) -> list[str]:
    if base.endswith("ie"):
        return [base[:-2] + "y"]
    if base.endswith("e") and not base.endswith(("ee", "oe", "ye")):
        return [base[:-1]]
    return _doubled(base)


def _ed_stems(base: str) -> list[str]:
    if base.endswith("e"):
        return [base[:-1]]
    if _ends_in_consonant_y(base):
        return [base[:-1] + "i"]
    return _doubled(base)


def _doubled(base: str) -> list[str]:
    """The stem before -ing and -ed: "chopp", "peel"; longer verbs get both, as spelling goes by their stress."""
    short_ending = len(base) > 2 and base[-1] not in f"{_VOWELS}wxy" and base[-2] in _VOWELS and base[-3] not in _VOWELS
    if not short_ending:
        return [base]
    one_syllable = not any(letter in _VOWELS for letter in base[:-2])
    return [base + base[-1]] if one_syllable else [base, base + base[-1]]
