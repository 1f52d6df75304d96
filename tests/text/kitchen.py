"""A small vocabulary with the ways of naming that EK100 has."""

from __future__ import annotations

from llavaction.annotations.vocabulary import ClassName, Vocabulary

VERBS = {
    "take": ["take", "pick-up", "take-from", "grab"],
    "put": ["put", "put-down", "put-on", "put-back", "put-away", "lay", "replace"],
    "insert": ["put-in", "put-into", "insert"],
    "turn-on": ["turn-on", "start", "switch-on"],
    "turn-off": ["turn-off", "switch-off"],
    "turn": ["turn", "rotate"],
    "open": ["open"],
    "close": ["close", "shut"],
    "remove": ["take-out", "take-off", "remove"],
    "cut": ["cut", "chop", "slice", "cut-with"],
    "wash": ["wash", "rinse", "wash-up"],
    "dry": ["dry", "wipe-off"],
    "let-go": ["let-go"],
    "finish": ["stop", "finish"],
    "throw": ["throw", "bin"],
}
NOUNS = {
    "tap": ["tap", "tap:water"],
    "spoon": ["spoon", "spoon:slotted", "teaspoon", "coffee:scoop"],
    "plate": ["plate", "dish", "plate:paper"],
    "onion": ["onion", "piece:onion"],
    "onion:spring": ["onion:spring"],
    "board:chopping": ["board:chopping", "board:cutting", "board"],
    "machine:washing": ["machine:washing", "machine"],
    "clothes": ["clothes", "washing"],
    "cloth": ["cloth", "rag"],
    "bowl": ["bowl", "bowl:washing:up"],
    "liquid:washing": ["liquid:washing", "liquid:washing:up"],
    "water": ["water", "water:hot"],
    "bin": ["bin", "bin:trash"],
    "coffee": ["coffee", "scoop:coffee"],
    "cupboard": ["cupboard"],
    "knife": ["knife"],
    "leftover": ["over:left", "food"],
    "bag": ["bag", "bag:rice", "sack"],
    "rice": ["rice", "sack"],
    "machine:sous:vide": ["machine:sous:vide"],
}


def classes(names: dict[str, list[str]]) -> tuple[ClassName, ...]:
    return tuple(ClassName(idx, key, tuple(words), "any") for idx, (key, words) in enumerate(names.items()))


def make_vocabulary(*action_keys: str) -> Vocabulary:
    return Vocabulary(classes(VERBS), classes(NOUNS), tuple(sorted(action_keys)))


def ids(verb_key: str, noun_key: str) -> tuple[int, int]:
    return list(VERBS).index(verb_key), list(NOUNS).index(noun_key)
