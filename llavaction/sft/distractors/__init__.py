"""Where wrong options come from: one strategy per file, picked by name below."""

from __future__ import annotations

from dataclasses import dataclass

from llavaction.annotations.epic_kitchens import Annotations, Split
from llavaction.sft.distractors.base import DistractorsConfig, DistractorStrategy, PredictionFiles, StrategyName
from llavaction.sft.distractors.mixed import MixedDistractors
from llavaction.sft.distractors.predicted import read_split
from llavaction.sft.distractors.random import RandomDistractors
from llavaction.sft.distractors.same_part import SameNounDistractors, SameVerbDistractors
from llavaction.sft.distractors.text_neighbours import TextNeighbourDistractors
from llavaction.text.encoders import TextEncoder

__all__ = ["DistractorStrategy", "DistractorsConfig", "PredictionFiles", "Sources", "StrategyName", "make_sources"]


@dataclass(frozen=True)
class Sources:
    """Strategies in the order in which they are asked, the chosen one first, and the hashes of the files they read."""

    strategies: tuple[DistractorStrategy, ...]
    hashes: dict[str, str]


def make_sources(config: DistractorsConfig, annotations: Annotations, split: Split, encoder: TextEncoder) -> Sources:
    """The strategies that `config` names, for the segments of one split.

    Raises:
        ConfigError, DataError: when one needs a file that is not named or does not fit the annotations.
    """
    hashes: dict[str, str] = {}
    made = {name: _make(name, config, annotations, split, encoder, hashes) for name in config.needed}
    if config.strategy is StrategyName.MIXED:
        made[StrategyName.MIXED] = MixedDistractors(made, config.weights)
    order = dict.fromkeys([config.strategy, *config.fallback])
    return Sources(tuple(made[name] for name in order), hashes)


def _make(
    name: StrategyName,
    config: DistractorsConfig,
    annotations: Annotations,
    split: Split,
    encoder: TextEncoder,
    hashes: dict[str, str],
) -> DistractorStrategy:
    vocabulary = annotations.vocabulary
    if name is StrategyName.RANDOM:
        return RandomDistractors(vocabulary)
    if name is StrategyName.SAME_VERB:
        return SameVerbDistractors(vocabulary)
    if name is StrategyName.SAME_NOUN:
        return SameNounDistractors(vocabulary)
    if name is StrategyName.TEXT_NEIGHBOURS:
        return TextNeighbourDistractors(vocabulary, encoder)
    files = config.self_mined if name is StrategyName.SELF_MINED else config
    strategy, read = read_split(name, files, annotations, split)
    hashes.update(read)
    return strategy
