"""What can happen in the toy kitchen, and the words people use for it.

Keys and instances are words of the real EPIC-KITCHENS-100 tables; an id is a class's place in its table.
"""

from __future__ import annotations

from dataclasses import dataclass

from llavaction.utils.enums import StrEnum


class Motion(StrEnum):
    """The four things a hand can do. Each is filmed once; run backwards it shows another verb."""

    CARRY = "carry"  # forwards: an object is taken away
    SWING = "swing"  # forwards: a flap over the object swings open
    LIGHT = "light"  # forwards: a lamp beside the object goes on
    STOW = "stow"  # forwards: the object slides into a box


@dataclass(frozen=True)
class VerbClass:
    """A verb: its film, its words, and how often it happens."""

    key: str
    motion: Motion
    backwards: bool
    share: float
    category: str
    instances: tuple[str, ...]


@dataclass(frozen=True)
class NounClass:
    """A noun: the class it is easily taken for, its words, and how often it is used."""

    key: str
    look_alike: str
    share: float
    category: str
    names: tuple[str, ...]

    @property
    def instances(self) -> tuple[str, ...]:
        """All words of the class in the head:qualifier form of the real tables."""
        return (*self.names, f"{self.key}:small", f"{self.key}:large")


# Shares fall off slowly, so that the last classes are tail classes which still can be learned.
VERBS: tuple[VerbClass, ...] = (
    VerbClass("take", Motion.CARRY, False, 0.22, "retrieve", ("take", "pick-up", "grab", "get", "fetch")),
    VerbClass("put", Motion.CARRY, True, 0.19, "leave", ("put", "put-down", "place", "set-down", "lay-down")),
    VerbClass("open", Motion.SWING, False, 0.14, "access", ("open", "open-up")),
    VerbClass("close", Motion.SWING, True, 0.12, "block", ("close", "shut")),
    VerbClass("insert", Motion.STOW, False, 0.10, "leave", ("insert", "push-in", "put-inside")),
    VerbClass("turn-on", Motion.LIGHT, False, 0.09, "access", ("turn-on", "switch-on", "activate")),
    VerbClass("turn-off", Motion.LIGHT, True, 0.08, "block", ("turn-off", "switch-off", "shut-off")),
    VerbClass("remove", Motion.STOW, True, 0.06, "retrieve", ("remove", "take-out", "extract")),
)
NOUNS: tuple[NounClass, ...] = (
    NounClass("plate", "lid", 0.19, "crockery", ("plate", "dish")),
    NounClass("cup", "bowl", 0.15, "crockery", ("cup", "mug")),
    NounClass("knife", "spatula", 0.13, "cutlery", ("knife", "blade")),
    NounClass("pan", "pot", 0.11, "cookware", ("pan", "pan:frying", "wok")),
    NounClass("tomato", "apple", 0.10, "vegetables", ("tomato", "tomato:cherry")),
    NounClass("lid", "plate", 0.08, "containers", ("lid", "lid:plastic")),
    NounClass("bowl", "cup", 0.07, "crockery", ("bowl", "ramekin")),
    NounClass("spatula", "knife", 0.06, "utensils", ("spatula", "scraper")),
    NounClass("pot", "pan", 0.06, "cookware", ("pot", "pot:cooking")),
    NounClass("apple", "tomato", 0.05, "fruits and nuts", ("apple", "apple:red")),
)
# The second version of the real noun table has classes that the first lacks; so has ours, and nobody uses it.
EXTRA_NOUN = NounClass("drawer", "drawer", 0.0, "furniture", ("drawer",))

VERB_IDS = {verb.key: verb_id for verb_id, verb in enumerate(VERBS)}
NOUN_IDS = {noun.key: noun_id for noun_id, noun in enumerate(NOUNS)}


def reverse_verb_id(verb_id: int) -> int:
    """The verb that shows the same film backwards."""
    verb = VERBS[verb_id]
    return next(
        other_id
        for other_id, other in enumerate(VERBS)
        if other.motion == verb.motion and other.backwards != verb.backwards
    )


def look_alike_id(noun_id: int) -> int:
    """The noun that is easily taken for this one."""
    return NOUN_IDS[NOUNS[noun_id].look_alike]


def narrate(verb: str, noun: str) -> str:
    """Spoken words for a verb instance and a noun instance.

    >>> narrate("pick-up", "plate:small")
    'pick up small plate'
    """
    head, *qualifiers = noun.split(":")
    return " ".join([*verb.split("-"), *qualifiers, head])
