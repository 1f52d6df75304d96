"""What every distractor strategy is."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Protocol

import numpy as np

from llavaction.annotations.segments import Segment
from llavaction.utils.enums import StrEnum


class StrategyName(StrEnum):
    """Names of the strategies: enum value = YAML file = word in reports."""

    RANDOM = "random"
    SPECIALIST = "specialist"


@dataclass
class DistractorsConfig:
    """Which strategy makes the wrong options."""

    strategy: StrategyName = StrategyName.RANDOM
    """Strategy; random needs no predictions."""
    train_file: str | None = None
    """Specialist's predictions for the training split; must come from cross-validation folds, as a model that
    was trained on these segments makes too few mistakes on them."""
    validation_file: str | None = None
    """Specialist's predictions for the validation split."""


class DistractorStrategy(Protocol):
    """Ranks wrong actions for a segment."""

    name: StrategyName
    hashes: dict[str, str]
    """SHA-256 of each file the strategy read, by path."""

    def candidates(self, segment: Segment, rng: np.random.Generator) -> Iterator[int]:
        """Action ids other than the segment's own, none twice, the most tempting first."""
        ...
