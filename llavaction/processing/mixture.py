"""Which samples a training run sees, and how often."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from llavaction.sft.classes import ClassTable
from llavaction.sft.samples import Sample, read_samples
from llavaction.utils.errors import ConfigError
from llavaction.utils.hashing import file_sha256
from llavaction.utils.seeding import unit_interval


@dataclass
class DatasetConfig:
    """One sample file of a mixture."""

    path: str = "???"
    """JSONL file of samples."""
    repeat: float = 1.0
    """How often each sample comes per epoch; 0.5 takes a fixed half of the samples, 2.5 all twice and half of
    them once more."""

    def __post_init__(self) -> None:
        if not 0 < self.repeat < float("inf"):
            raise ConfigError(f"mixture: repeat = {self.repeat} of {self.path}: must be above 0")


@dataclass
class MixtureConfig:
    """The datasets of a training run, by name."""

    datasets: dict[str, DatasetConfig] = field(default_factory=dict)
    """Sample files and their weights."""


@dataclass(frozen=True)
class Mixture:
    """The samples of an epoch, how many come from each dataset, the files' hashes, and their common classes."""

    samples: list[Sample]
    counts: dict[str, int]
    hashes: dict[str, str]
    classes: ClassTable


def load_mixture(config: MixtureConfig, seed: int) -> Mixture:
    """Read all datasets.

    Which samples a fractional `repeat` takes depends on the seed and each sample's own id.

    Raises:
        ConfigError: when the mixture is empty, or two datasets hold the same sample id.
        DataError: when the files number their classes differently.
    """
    if not config.datasets:
        raise ConfigError("the mixture is empty; choose one with mixture=NAME or +mixture.datasets.NAME.path=FILE")
    samples: list[Sample] = []
    counts: dict[str, int] = {}
    classes: ClassTable | None = None
    first = ""
    owner: dict[str, str] = {}
    for name, dataset in sorted(config.datasets.items()):
        path = Path(dataset.path)
        table = ClassTable.load(path.parent)
        if classes is None:
            classes, first = table, name
        classes.check_same(table, f"mixture: {first}", name)
        chosen: list[Sample] = []
        whole, part = int(dataset.repeat), dataset.repeat % 1
        for sample in read_samples(path):
            if owner.setdefault(sample.sample_id, name) != name:
                raise ConfigError(
                    f"mixture: {name} and {owner[sample.sample_id]} both hold sample {sample.sample_id!r}; "
                    "use `repeat` to take samples more than once"
                )
            extra = part > 0 and unit_interval(seed, "mixture", name, sample.sample_id) < part
            chosen += [sample] * (whole + extra)
        samples += chosen
        counts[name] = len(chosen)
    assert classes is not None
    hashes = {dataset.path: file_sha256(Path(dataset.path)) for dataset in config.datasets.values()}
    return Mixture(samples, counts, hashes, classes)
