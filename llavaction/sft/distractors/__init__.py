"""Where wrong options come from: one strategy per file, picked by name in the table below."""

from __future__ import annotations

from llavaction.annotations.epic_kitchens import Annotations, Split
from llavaction.sft.distractors.base import DistractorsConfig, DistractorStrategy, StrategyName
from llavaction.sft.distractors.random import RandomDistractors
from llavaction.sft.distractors.specialist import SpecialistDistractors

__all__ = ["DistractorStrategy", "DistractorsConfig", "StrategyName", "make_strategy"]


def make_strategy(config: DistractorsConfig, annotations: Annotations, split: Split) -> DistractorStrategy:
    """The strategy that `config` names, for the segments of one split."""
    if config.strategy is StrategyName.SPECIALIST:
        return SpecialistDistractors.from_files(config, annotations, split)
    return RandomDistractors(annotations.vocabulary)
