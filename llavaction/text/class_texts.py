"""Class keys as people would say them.

EK100 writes verbs as ``put-down`` and nouns head first, as ``spoon:slotted`` and ``machine:sous:vide``. The
embeddings of texts, and readers of tables, want "put down slotted spoon".
"""

from __future__ import annotations

from llavaction.annotations.vocabulary import Vocabulary

# Keys that are not written head first.
_NOUN_TEXTS = {"scotch:egg": "scotch egg"}


def verb_text(key: str) -> str:
    """A verb key in plain words.

    >>> verb_text("turn-on")
    'turn on'
    """
    return key.replace("-", " ")


def noun_text(key: str) -> str:
    """A noun key in plain words: what qualifies the noun goes before it, in the same order.

    >>> noun_text("spoon:slotted")
    'slotted spoon'
    >>> noun_text("machine:sous:vide")
    'sous vide machine'
    """
    if key in _NOUN_TEXTS:
        return _NOUN_TEXTS[key]
    head, *qualifiers = key.split(":")
    return " ".join([*qualifiers, head])


def class_texts(vocabulary: Vocabulary) -> list[str]:
    """The text of each action in the order of action ids, for example ``turn on slow cooker``."""
    return [action_text(vocabulary, action_id) for action_id in range(vocabulary.num_actions)]


def action_text(vocabulary: Vocabulary, action_id: int) -> str:
    """The text of one action: its verb and its noun in plain words."""
    verb_id, noun_id = vocabulary.verb_noun(action_id)
    return f"{verb_text(vocabulary.verbs[verb_id].key)} {noun_text(vocabulary.nouns[noun_id].key)}"
