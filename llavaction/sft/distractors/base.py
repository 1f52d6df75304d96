"""What every distractor strategy is."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Protocol

from llavaction.annotations.segments import Segment
from llavaction.sft.distractors.validity import ValidityConfig
from llavaction.specialists.readers import PredictionsFormat
from llavaction.utils.draws import Draws
from llavaction.utils.enums import StrEnum
from llavaction.utils.errors import ConfigError


class StrategyName(StrEnum):
    """Names of the strategies: enum value = YAML file = word in reports."""

    RANDOM = "random"
    """Any other action (paper: easy questions)."""
    SPECIALIST = "specialist"
    """What a specialist takes the clip for (paper: hard questions)."""
    SAME_VERB = "same_verb"
    """The same verb done to other things."""
    SAME_NOUN = "same_noun"
    """Other things done to the same object."""
    TEXT_NEIGHBOURS = "text_neighbours"
    """The actions whose names mean nearly the same."""
    SELF_MINED = "self_mined"
    """What our own model takes the clip for."""
    MIXED = "mixed"
    """Each option from a strategy drawn by weight."""


@dataclass
class PredictionFiles:
    """A model's ranked predictions for each split."""

    train_file: str | None = None
    """Predictions for the training split; must come from cross-validation folds, as a model that was trained on these
    segments makes too few mistakes on them."""
    validation_file: str | None = None
    """Predictions for the validation split."""
    format: PredictionsFormat = PredictionsFormat.AUTO
    """How the files are written; auto tells by ending and content."""


@dataclass
class DistractorsConfig(PredictionFiles):
    """Which strategy makes the wrong options; the prediction files are the specialist's."""

    strategy: StrategyName = StrategyName.RANDOM
    """Strategy; random needs no predictions."""
    self_mined: PredictionFiles = field(default_factory=PredictionFiles)
    """Predictions of our own action head."""
    weights: dict[str, float] = field(default_factory=dict)
    """Strategies of `mixed` and how often each is asked for the next option."""
    fallback: list[StrategyName] = field(default_factory=lambda: [StrategyName.SAME_NOUN, StrategyName.RANDOM])
    """Strategies that are asked, in this order, where the chosen one runs out of options; counted in the manifest."""
    validity: ValidityConfig = field(default_factory=ValidityConfig)
    """Which distractors are dropped as not clearly wrong."""

    def __post_init__(self) -> None:
        names = [name.value for name in StrategyName if name is not StrategyName.MIXED]
        for name, weight in self.weights.items():
            if name not in names or not 0 < weight < float("inf"):
                raise ConfigError(
                    f"distractors.weights: {name}: {weight}: expected one of {', '.join(names)} and a number above 0"
                )
        if (self.strategy is StrategyName.MIXED) != bool(self.weights):
            raise ConfigError("distractors.weights are for distractors=mixed, which needs them: {random: 1, ...}")
        if StrategyName.MIXED in self.fallback or len(set(self.fallback)) != len(self.fallback):
            raise ConfigError(
                f"distractors.fallback = {[str(name) for name in self.fallback]}: names no strategy twice, nor mixed"
            )

    @property
    def needed(self) -> list[StrategyName]:
        """The strategies that may be asked, `mixed` taken apart."""
        chosen = [StrategyName(name) for name in sorted(self.weights)] or [self.strategy]
        return list(dict.fromkeys([*chosen, *self.fallback]))


class DistractorStrategy(Protocol):
    """Ranks actions as wrong options for a segment; what is not wrong is sorted out later."""

    name: StrategyName

    def candidates(self, segment: Segment, draws: Draws) -> Iterator[int]:
        """Action ids, none twice, the most tempting first; the segment's own may be among them."""
        ...
