"""Distractors from several strategies: for each option one of them is drawn by weight."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from llavaction.annotations.segments import Segment
from llavaction.sft.distractors.base import DistractorStrategy, StrategyName
from llavaction.utils.draws import Draws


class MixedDistractors:
    """The next best action of a strategy that is drawn anew each time; an exhausted one leaves the draw."""

    name = StrategyName.MIXED

    def __init__(self, strategies: Mapping[StrategyName, DistractorStrategy], weights: Mapping[str, float]) -> None:
        # By name, so that the order in a YAML file does not change the questions.
        self._parts = [(strategies[StrategyName(name)], weights[name]) for name in sorted(weights)]

    def candidates(self, segment: Segment, draws: Draws) -> Iterator[int]:
        given: set[int] = set()
        open_parts = [(strategy.candidates(segment, draws), weight) for strategy, weight in self._parts]
        while open_parts:
            place = _draw([weight for _, weight in open_parts], draws)
            action_id = next((each for each in open_parts[place][0] if each not in given), None)
            if action_id is None:
                del open_parts[place]
                continue
            given.add(action_id)
            yield action_id


def _draw(weights: list[float], draws: Draws) -> int:
    """A place in `weights`, each as often as its weight says."""
    left = draws.uniform() * sum(weights)
    for place, weight in enumerate(weights):
        left -= weight
        if left < 0:
            return place
    return len(weights) - 1
