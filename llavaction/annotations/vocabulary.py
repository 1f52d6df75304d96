"""Verb, noun and action classes and their numbering."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from llavaction.annotations.segments import Segment
from llavaction.utils.errors import DataError


@dataclass(frozen=True)
class ClassName:
    """One verb or noun class: its key, and the words that annotators used for it."""

    class_id: int
    key: str
    instances: tuple[str, ...]
    category: str


@dataclass(frozen=True)
class Vocabulary:
    """The verb, noun and action classes of a dataset.

    An action is a (verb, noun) pair that occurs in the data. Its id is the rank of ``"verb:noun"`` among the
    text-sorted keys, as AVION numbers its 3,806 classes (so ``"10:2"`` comes before ``"1:3"``: the digits are
    compared as text).
    """

    verbs: tuple[ClassName, ...]
    nouns: tuple[ClassName, ...]
    action_keys: tuple[str, ...]
    _action_by_key: Mapping[str, int] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        if list(self.action_keys) != sorted(set(self.action_keys)):
            raise DataError("action keys must be unique and sorted as text")
        object.__setattr__(self, "_action_by_key", {key: i for i, key in enumerate(self.action_keys)})

    @classmethod
    def from_segments(
        cls, verbs: tuple[ClassName, ...], nouns: tuple[ClassName, ...], segments: Iterable[Segment]
    ) -> Vocabulary:
        """Number the actions that occur in `segments`: pass all splits, so that the ids hold for each."""
        return cls(verbs, nouns, tuple(sorted({segment.action_key for segment in segments})))

    @property
    def num_actions(self) -> int:
        return len(self.action_keys)

    def action_id(self, verb_id: int, noun_id: int) -> int:
        """The action's id.

        Raises:
            DataError: when the pair occurs nowhere in the data.
        """
        return self.action_id_of_key(f"{verb_id}:{noun_id}")

    def action_id_of_key(self, key: str) -> int:
        """The id of ``"verb:noun"``; see `action_id`."""
        action_id = self._action_by_key.get(key)
        if action_id is None:
            raise DataError(
                f"action {key!r} is none of the {self.num_actions} (verb, noun) pairs in the annotations; "
                "were the predictions made for other annotation files?"
            )
        return action_id

    def verb_noun(self, action_id: int) -> tuple[int, int]:
        """The verb and noun id of an action."""
        verb, noun = self.action_keys[action_id].split(":")
        return int(verb), int(noun)

    def class_key(self, action_id: int) -> str:
        """The action in class keys, for example ``put plate``."""
        verb_id, noun_id = self.verb_noun(action_id)
        return f"{self.verbs[verb_id].key} {self.nouns[noun_id].key}"
