"""What a build counts on its way, per file: drops by reason, fallbacks, letters and so on."""

from __future__ import annotations

from collections import Counter, defaultdict
from typing import Any


class Tally:
    """Counts by topic and name; those of several processes add up to the same."""

    def __init__(self) -> None:
        self._counts: defaultdict[str, Counter[Any]] = defaultdict(Counter)

    def count(self, topic: str, name: Any, number: int = 1) -> None:
        """One more of `name` under `topic`, or `number` more."""
        self._counts[topic][name] += number

    def add(self, other: Tally) -> None:
        """All of another process's counts."""
        for topic, counts in other._counts.items():
            self._counts[topic].update(counts)

    def of(self, topic: str) -> Counter[Any]:
        """The counts of a topic."""
        return self._counts[topic]

    def to_row(self, topics: tuple[str, ...]) -> dict[str, dict[str, int]]:
        """The topics that have counts, as JSON, names in alphabetical order."""
        return {
            topic: {str(name): count for name, count in sorted(self._counts[topic].items())}
            for topic in topics
            if self._counts[topic]
        }
