"""Class ids of whole tables as arrays."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np

from llavaction.annotations.segments import SegmentTable
from llavaction.annotations.vocabulary import Vocabulary
from llavaction.utils.errors import DataError


def true_action_ids(table: SegmentTable, vocabulary: Vocabulary) -> np.ndarray:
    """The annotated action of each segment, int32 `[N]`.

    Raises:
        DataError: when one is no action of `vocabulary`.
    """
    return np.array([vocabulary.action_id(segment.verb_id, segment.noun_id) for segment in table], np.int32)


def ids_of_keys(source: str, keys: Iterable[str], vocabulary: Vocabulary) -> dict[str, int]:
    """The action id of each of `keys`.

    Raises:
        DataError: naming `source`, when one is no action of `vocabulary`.
    """
    try:
        return {key: vocabulary.action_id_of_key(key) for key in dict.fromkeys(keys)}
    except DataError as error:
        raise DataError(f"{source}: {error}") from None


def verbs_and_nouns(vocabulary: Vocabulary) -> tuple[np.ndarray, np.ndarray]:
    """Verb ids and noun ids of all actions, int32 `[num_actions]` each."""
    pairs = np.array([vocabulary.verb_noun(action_id) for action_id in range(vocabulary.num_actions)], np.int32)
    return pairs[:, 0], pairs[:, 1]
