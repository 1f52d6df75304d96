"""Two runs side by side: what they were told, what they were made from, and how they went."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from llavaction.reports.runs.folder import Line, RunFolder, read_run

_NOT_METRICS = ("step", "epoch", "time_s")
_PROVENANCE = ("command", "git_commit", "num_processes", "num_parameters", "num_steps", "samples_sha256")


@dataclass(frozen=True)
class Difference:
    """A value that differs; None where a run has none."""

    name: str
    a: Any
    b: Any


@dataclass(frozen=True)
class Reading:
    """A metric of both runs at one step (None for what has no steps)."""

    step: int | None
    a: float
    b: float

    @property
    def gap(self) -> float:
        """By how much B is above A."""
        return self.b - self.a


@dataclass(frozen=True)
class MetricComparison:
    """A metric of both runs.

    Attributes:
        shared: its values at equal steps, in order.
        end_a, end_b: step and value of each run's last line with it; None where a run has none.
    """

    name: str
    shared: list[Reading]
    end_a: tuple[int | None, float] | None
    end_b: tuple[int | None, float] | None

    @property
    def widest(self) -> Reading | None:
        """Where they differ most."""
        return max(self.shared, key=lambda reading: abs(reading.gap), default=None)

    @property
    def first_gap(self) -> Reading | None:
        """Where they differ first."""
        return next((reading for reading in self.shared if reading.gap), None)


@dataclass(frozen=True)
class Comparison:
    """All that differs between runs A and B, and all metrics."""

    config: list[Difference]
    provenance: list[Difference]
    metrics: list[MetricComparison]


def compare_runs(a: Path, b: Path) -> Comparison:
    """Read two run folders and compare them.

    Raises:
        DataError: when one of them is not a run, or damaged.
    """
    runs = read_run(a), read_run(b)
    config = differences(*(_flat(run.config()) for run in runs))
    provenance = differences(*map(_provenance, runs)) + _data_differences(*runs)
    return Comparison(config, provenance, compare_lines(runs[0].lines, runs[1].lines))


def differences(a: Mapping[str, Any], b: Mapping[str, Any]) -> list[Difference]:
    """The names whose values differ, in the order in which they come."""
    return [Difference(name, a.get(name), b.get(name)) for name in {**a, **b} if a.get(name) != b.get(name)]


def compare_lines(a: Sequence[Line], b: Sequence[Line]) -> list[MetricComparison]:
    """Every metric of two runs; losses first, evaluations last."""
    names = {name: None for line in [*a, *b] for name in line if name not in _NOT_METRICS}
    return [_compare(name, _values(name, a), _values(name, b)) for name in sorted(names, key=_rank)]


def _compare(name: str, a: dict[int | None, float], b: dict[int | None, float]) -> MetricComparison:
    shared = [Reading(step, value, b[step]) for step, value in a.items() if step in b]
    return MetricComparison(name, shared, _last(a), _last(b))


def _values(name: str, lines: Sequence[Line]) -> dict[int | None, float]:
    return {line.get("step"): line[name] for line in lines if isinstance(line.get(name), int | float)}


def _last(values: dict[int | None, float]) -> tuple[int | None, float] | None:
    return list(values.items())[-1] if values else None


def _rank(name: str) -> tuple[bool, bool, bool]:
    return name.startswith("eval/"), not name.endswith("loss"), name != "loss"


def _provenance(run: RunFolder) -> dict[str, Any]:
    """Command, commit, sizes and versions."""
    versions = {f"version: {name}": version for name, version in run.record.get("versions", {}).items()}
    return {**{name: run.record.get(name) for name in _PROVENANCE}, **versions}


def _data_differences(a: RunFolder, b: RunFolder) -> list[Difference]:
    """Files of data that only one run has, by content; where they lie is a matter of the configuration."""
    hashes = a.record.get("data_sha256", {}), b.record.get("data_sha256", {})
    only_a, only_b = (
        {name: digest for name, digest in mine.items() if digest not in others.values()}
        for mine, others in (hashes, hashes[::-1])
    )
    return differences(*({f"data: {name}": digest for name, digest in only.items()} for only in (only_a, only_b)))


def _flat(values: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    """Nested keys with points between them; an empty section has none."""
    flat: dict[str, Any] = {}
    for name, value in values.items():
        key = f"{prefix}{name}"
        flat |= _flat(value, f"{key}.") if isinstance(value, Mapping) else {key: value}
    return flat
