"""The class files' lists of names, made ready for look-up by words.

A name may stand in the list of one class only (in EK100 all do, once inflections are undone); one that stands in
two maps to None, so that a reader can tell "ambiguous" (None) from "unknown" (not in the table).
"""

from __future__ import annotations

import re
from collections.abc import Iterable

from llavaction.annotations.vocabulary import ClassName
from llavaction.text.inflections import singular, verb_forms

Words = tuple[str, ...]

_WORD = re.compile(r"[^\W_]+(?:'t)?")

# Articles, pronouns and the like: they do not change which class is meant.
_DROPPED = frozenset((
    "a", "again", "an", "another", "both", "full", "her", "his", "it", "its", "more", "my", "one", "other", "our",
    "some", "that", "the", "their", "them", "these", "this", "those", "two", "your",
))  # fmt: skip

# A preposition inside nouns: "washing up bowl" and "washing out bowl" are what the class files call a washing bowl.
_WASHING_UP = re.compile(r"\bwashing (?:up|out)\b")


def words_of(text: str) -> Words:
    """The words of a text in lower case, without punctuation, articles and pronouns.

    >>> words_of("Put the washing-up bowl: away!")
    ('put', 'washing', 'bowl', 'away')
    """
    spaced = " ".join(_WORD.findall(text.lower()))
    return tuple(word for word in _WASHING_UP.sub("washing", spaced).split() if word not in _DROPPED)


def make_verb_lexicon(verbs: Iterable[ClassName]) -> dict[Words, int | None]:
    """Class id of each verb name in each of its forms, for example of ``("put", "down")`` and ``("putting", "down")``.

    A name as it is listed goes before a form of another name.
    """
    listed: dict[Words, int | None] = {}
    inflected: dict[Words, int | None] = {}
    for verb in verbs:
        for name in verb.instances:
            words = words_of(name)
            _enter(listed, words, verb.class_id)
            for form in verb_forms(words[0]) if words else ():
                _enter(inflected, (form, *words[1:]), verb.class_id)
    return {**inflected, **listed}


class NounLexicon:
    """Class ids of noun names, whose words must be `singular`.

    A name such as ``spoon:slotted`` is known in its spoken order ("slotted spoon") and as it is listed ("spoon
    slotted"). Where both orders are names, the spoken one goes first: "coffee mug" is ``mug:coffee``.
    """

    def __init__(self, nouns: Iterable[ClassName]) -> None:
        self._spoken: dict[Words, int | None] = {}
        self._listed: dict[Words, int | None] = {}
        for noun in nouns:
            for name in noun.instances:
                words = tuple(singular(word) for word in words_of(name))
                _enter(self._spoken, (*words[1:], *words[:1]), noun.class_id)
                _enter(self._listed, words, noun.class_id)
        self._longest = max(map(len, self._listed), default=0)

    def __contains__(self, words: Words) -> bool:
        return words in self._spoken or words in self._listed

    def class_of(self, words: Words) -> int | None:
        """The class of the longest known name that ends the words: "big red onion" is an onion."""
        for start in range(len(words)):
            for names in (self._spoken, self._listed):
                if words[start:] in names:
                    return names[words[start:]]
        return None

    def class_of_parts(self, head: Words, of: Words) -> int | None:
        """The class of "HEAD of OF": a listed name ("piece of onion"), else the head's, else that of the rest."""
        if head + of in self._listed:
            return self._listed[head + of]
        head_class = self.class_of(head)
        return self.class_of(of) if head_class is None else head_class

    def name_length(self, words: Words, start: int) -> int:
        """How many words the longest name that begins at `start` has; 0 when none does."""
        for length in range(min(self._longest, len(words) - start), 0, -1):
            if words[start : start + length] in self:
                return length
        return 0


def _enter(table: dict[Words, int | None], words: Words, class_id: int) -> None:
    if words and table.setdefault(words, class_id) != class_id:
        table[words] = None
