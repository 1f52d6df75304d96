"""From a model's own words to a ranking of all action classes, by how alike the words are to the texts of each."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from llavaction.sft.classes import ClassTable
from llavaction.specialists.ranking import best_columns
from llavaction.text.encoders import TextEncoder
from llavaction.text.matching import normalise
from llavaction.text.neighbours import Ids
from llavaction.text.similarity import DECIMALS, Float32s, Float64s, check_unit_rows, on_grid, rounded_ticks
from llavaction.utils.errors import ConfigError

_ANSWERS_AT_ONCE = 256
_ONE = 10**DECIMALS


@dataclass(frozen=True)
class RankedClasses:
    """The nearest classes of N texts, the nearest first; equally near ones by the smaller action id.

    Attributes:
        action_ids: int32 `[N, K]`.
        similarities: cosines, to four decimals, `[N, K]`; 1 where a text is literally a narration of the class.
    """

    action_ids: Ids
    similarities: Float32s


class NearestClasses:
    """Ranks the action classes for texts.

    A class is as near as the nearest of its texts, which are the narrations that stand for it and the names of its
    verb and noun. Case and punctuation make no difference. Where annotators wrote the very text, the class that they
    mostly meant by it comes first. A text without words is near to nothing: all its similarities are 0, and its
    ranking is the order of the action ids.

    All texts of the classes are encoded at the start, and kept (14,000 texts x 1,024 numbers x 8 bytes with the
    hashing encoder on EK100).
    """

    def __init__(self, encoder: TextEncoder, classes: ClassTable) -> None:
        self._encoder = encoder
        self._action_ids = {key: action_id for action_id, key in enumerate(classes.actions)}
        self._narrations = classes.narrations
        by_class = _texts_by_class(classes)
        keys = encoder.encode([text for texts in by_class for text in texts])
        check_unit_rows(keys)
        self._keys = on_grid(keys)
        self._starts = np.cumsum([0, *(len(texts) for texts in by_class[:-1])])
        """Where the texts of each class begin among the keys; no class is without one."""

    def rank(self, texts: Sequence[str], top_k: int) -> list[list[int]]:
        """The ids of the `top_k` nearest classes of each text; see `rank_scored`."""
        ranked: list[list[int]] = self.rank_scored(texts, top_k).action_ids.tolist()
        return ranked

    def rank_scored(self, texts: Sequence[str], top_k: int) -> RankedClasses:
        """The `top_k` nearest classes of each text and how near they are.

        The result for a text does not depend on the others. Equal texts are encoded once.

        Raises:
            ConfigError: when `top_k` is not in 1..number of classes.
            DataError: when a text is too long for the encoder.
        """
        if not 1 <= top_k <= len(self._action_ids):
            raise ConfigError(f"the {top_k} nearest classes: must be 1 to {len(self._action_ids)}")
        words = [normalise(text) for text in texts]
        distinct = list(dict.fromkeys(words))
        action_ids = np.empty((len(distinct), top_k), np.int32)
        similarities = np.empty((len(distinct), top_k), np.float32)
        for start in range(0, len(distinct), _ANSWERS_AT_ONCE):
            rows = slice(start, start + _ANSWERS_AT_ONCE)
            ticks = self._ticks(distinct[rows])
            action_ids[rows] = best_columns(ticks, top_k)
            # The one tick more that puts an annotator's own words first is no similarity.
            best = np.minimum(np.take_along_axis(ticks, action_ids[rows], axis=1), _ONE)
            similarities[rows] = best / _ONE
        row_of = {text: row for row, text in enumerate(distinct)}
        order = np.array([row_of[text] for text in words], np.int64)
        return RankedClasses(action_ids[order], similarities[order])

    def _ticks(self, words: Sequence[str]) -> Float64s:
        """How near each class is to each of a block of texts, in whole steps of 10^-4: [N, C]."""
        embeddings = self._encoder.encode(words)
        check_unit_rows(embeddings)
        ticks: Float64s = np.maximum.reduceat(rounded_ticks(on_grid(embeddings), self._keys), self._starts, axis=1)
        for row, text in enumerate(words):
            if not text:
                ticks[row] = 0
            elif (key := self._narrations.get(text)) is not None:
                ticks[row, self._action_ids[key]] = _ONE + 1
        return ticks


def _texts_by_class(classes: ClassTable) -> list[list[str]]:
    """The texts of each class, none twice, in the order of action ids."""
    narrations: defaultdict[str, list[str]] = defaultdict(list)
    for text, key in classes.narrations.items():
        narrations[key].append(text)
    return [
        list(dict.fromkeys([*narrations[key], normalise(classes.action_text(action_id))]))
        for action_id, key in enumerate(classes.actions)
    ]
