"""Hard distractors: what a specialist model takes the very clip for, its truth removed (paper section 3)."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np

from llavaction.annotations.epic_kitchens import Annotations, Split
from llavaction.annotations.segments import Segment
from llavaction.annotations.vocabulary import Vocabulary
from llavaction.sft.distractors.base import DistractorsConfig, StrategyName
from llavaction.specialists.predictions import TopKPredictions
from llavaction.specialists.readers import read_predictions
from llavaction.utils.errors import ConfigError
from llavaction.utils.hashing import file_sha256


class SpecialistDistractors:
    """The specialist's ranked classes for each segment, without the true one."""

    name = StrategyName.SPECIALIST

    def __init__(self, predictions: TopKPredictions, vocabulary: Vocabulary, hashes: dict[str, str]) -> None:
        self._predictions = predictions
        self._vocabulary = vocabulary
        self.hashes = hashes

    @classmethod
    def from_files(cls, config: DistractorsConfig, annotations: Annotations, split: Split) -> SpecialistDistractors:
        """Read the split's prediction file.

        Raises:
            ConfigError: when `config` names none for this split.
            DataError: when it does not fit the annotations.
        """
        name = config.train_file if split is Split.TRAIN else config.validation_file
        if name is None:
            raise ConfigError(
                f"distractors=specialist needs a prediction file for the {split} split: set "
                f"distractors.{split}_file=FILE, or leave the split out with sft.splits"
            )
        path = Path(name)
        predictions = read_predictions(path, annotations.split(split), annotations.vocabulary)
        return cls(predictions, annotations.vocabulary, {name: file_sha256(path)})

    def candidates(self, segment: Segment, rng: np.random.Generator) -> Iterator[int]:
        truth = self._vocabulary.action_id(segment.verb_id, segment.noun_id)
        return (action_id for action_id in self._predictions.ranked(segment.segment_id) if action_id != truth)
