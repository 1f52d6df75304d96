"""Hard distractors: what a model takes the very clip for (paper section 3)."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from pathlib import Path

from llavaction.annotations.epic_kitchens import Annotations, Split
from llavaction.annotations.segments import Segment
from llavaction.sft.distractors.base import PredictionFiles, StrategyName
from llavaction.specialists.agreement import overfit_warning
from llavaction.specialists.predictions import TopKPredictions
from llavaction.specialists.readers import read_predictions
from llavaction.utils.draws import Draws
from llavaction.utils.errors import ConfigError
from llavaction.utils.hashing import file_sha256

logger = logging.getLogger(__name__)


class PredictedDistractors:
    """A model's ranked classes for each segment: a specialist's, or those of our own action head."""

    def __init__(self, name: StrategyName, predictions: TopKPredictions) -> None:
        self.name = name
        self._predictions = predictions

    def candidates(self, segment: Segment, draws: Draws) -> Iterator[int]:
        yield from self._predictions.ranked(segment.segment_id)


def read_split(
    name: StrategyName, files: PredictionFiles, annotations: Annotations, split: Split
) -> tuple[PredictedDistractors, dict[str, str]]:
    """The strategy over the split's prediction file, and the file's hash by its name.

    Raises:
        ConfigError: when no file is named for this split.
        DataError: when it does not fit the annotations.
    """
    section = "distractors" if name is StrategyName.SPECIALIST else f"distractors.{name}"
    place = files.train_file if split is Split.TRAIN else files.validation_file
    if place is None:
        raise ConfigError(
            f"distractors={name} needs a prediction file for the {split} split: set {section}.{split}_file=FILE, or "
            "leave the split out with sft.splits"
        )
    path = Path(place)
    table = annotations.split(split)
    predictions = read_predictions(path, table, annotations.vocabulary, files.format)
    if split is Split.TRAIN and (warning := overfit_warning(predictions, table, annotations.vocabulary)):
        logger.warning("%s", warning)
    return PredictedDistractors(name, predictions), {place: file_sha256(path)}
