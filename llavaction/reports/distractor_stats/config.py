"""What is looked at in specialists' predictions."""

from __future__ import annotations

from dataclasses import dataclass, field

from llavaction.annotations.epic_kitchens import Split
from llavaction.specialists.readers import PredictionsFormat
from llavaction.utils.errors import ConfigError


@dataclass
class PredictionSource:
    """One prediction file."""

    path: str = "???"
    """The file."""
    format: PredictionsFormat = PredictionsFormat.AUTO
    """Its format; auto goes by its ending and content."""
    split: Split = Split.VALIDATION
    """The split it is for; only predictions for the same split are compared."""


@dataclass
class StatsConfig:
    """What is looked at, and how much of it is shown."""

    predictions: dict[str, PredictionSource] = field(default_factory=dict)
    """Prediction file by the specialist's name."""
    samples: dict[str, str] = field(default_factory=dict)
    """Sample file (JSONL) by a name; its questions with options are looked at."""
    ks: list[int] = field(default_factory=lambda: [1, 5, 10, 20, 50, 100])
    """Numbers of first actions whose recall stands in the table; 20 is the paper's choice for candidates."""
    num_hardest: int = 10
    """Verbs and nouns shown, those with the lowest top-1 accuracy; ten fit a panel."""
    min_segments: int = 20
    """Segments a verb or noun must have to be shown; with fewer, an accuracy is mostly chance."""

    def __post_init__(self) -> None:
        if not self.ks or min(self.ks) < 1 or sorted(set(self.ks)) != self.ks:
            raise ConfigError(f"stats.ks = {self.ks}: must be whole numbers from 1 that rise")
        if self.num_hardest < 1 or self.min_segments < 1:
            raise ConfigError("stats: num_hardest and min_segments must be 1 or more")
