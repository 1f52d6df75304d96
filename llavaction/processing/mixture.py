"""Which samples a training run sees, and how often."""

from __future__ import annotations

import logging
from dataclasses import dataclass, field
from pathlib import Path

from llavaction.processing.checks import claim, common_classes, folders_of_media, refuse_candidates
from llavaction.processing.good_videos import with_good_videos
from llavaction.processing.labels import check_labels
from llavaction.processing.limits import Limit
from llavaction.processing.repetition import numbers_by_weight, times_by_number, times_by_repeat
from llavaction.sft.classes import ClassTable
from llavaction.sft.samples import Sample, read_samples, sample_files
from llavaction.utils.errors import ConfigError
from llavaction.utils.hashing import file_sha256
from llavaction.video.report import VideoReport

logger = logging.getLogger(__name__)


@dataclass
class DatasetConfig:
    """One sample file of a mixture."""

    path: str = "???"
    """JSONL file of samples, or what its shards `NAME-00000-of-00004.jsonl` are named after."""
    limit: str | None = None
    """Part of the samples that is used at all: `first:N`, `last:N` or `random:N`, where N is a number (500) or a share
    (10%); null takes all. It is taken of the samples whose videos are good, before `repeat` and `weight`."""
    repeat: float = 1.0
    """How often each sample comes per epoch; 0.5 takes a fixed half of the samples, 2.5 all twice and half of
    them once more."""
    weight: float | None = None
    """This dataset's share of the epoch in proportion to the other datasets' weights, instead of `repeat`; all
    datasets have one or none. See `samples_per_epoch` for the size of the epoch."""
    media: str | None = None
    """Folder that the files of samples with `media` lie in; null where all samples show clips or nothing."""

    def __post_init__(self) -> None:
        for name in ("repeat", "weight"):
            value = getattr(self, name)
            if value is not None and not 0 < value < float("inf"):
                raise ConfigError(f"mixture: {name} = {value} of {self.path}: must be above 0")
        if self.weight is not None and self.repeat != 1:
            raise ConfigError(
                f"mixture: repeat = {self.repeat} and weight = {self.weight} of {self.path} both say how often samples "
                "come; leave one out"
            )
        if self.limit is not None:
            try:
                Limit.parse(self.limit)
            except ConfigError as error:
                raise ConfigError(f"mixture: limit of {self.path}: {error}") from None


@dataclass
class MixtureConfig:
    """The datasets of a training run, by name."""

    datasets: dict[str, DatasetConfig] = field(default_factory=dict)
    """Sample files and how much of each is used."""
    samples_per_epoch: int | None = None
    """Size of an epoch of datasets with weights; null takes the largest in which no sample comes twice: one dataset is
    used whole, the others in part."""
    videos_report: str | None = None
    """Report of `data_prep/check_videos.py`: samples whose clip touches a bad file are left out and counted. Null
    trusts every file, and a bad one stops the run when it is met."""

    def __post_init__(self) -> None:
        weighted = sorted(name for name, dataset in self.datasets.items() if dataset.weight is not None)
        others = sorted(self.datasets.keys() - weighted)
        if weighted and others:
            raise ConfigError(
                f"mixture: with a weight: {', '.join(weighted)}; without: {', '.join(others)}; give one to all or none"
            )
        if self.samples_per_epoch is not None and not weighted:
            raise ConfigError(
                f"mixture.samples_per_epoch = {self.samples_per_epoch}: is shared out by weights; give every dataset "
                "one, or set train.max_steps for a shorter run"
            )
        if self.samples_per_epoch is not None and self.samples_per_epoch < 1:
            raise ConfigError(f"mixture.samples_per_epoch = {self.samples_per_epoch}: must be 1 or more")


@dataclass(frozen=True)
class Mixture:
    """What an epoch is made of.

    Attributes:
        samples: each as often as it comes per epoch.
        times: by dataset and sample id, how often that is; samples that do not come are left out.
        counts: how many come from each dataset.
        dropped: how many samples of each dataset's file are left out, by what is wrong with their video.
        hashes: of the files read.
        classes: what all datasets were numbered with.
        media_folders: by sample id, where the files of samples with `media` lie.
    """

    samples: list[Sample]
    times: dict[str, dict[str, int]]
    counts: dict[str, int]
    dropped: dict[str, dict[str, int]]
    hashes: dict[str, str]
    classes: ClassTable
    media_folders: dict[str, Path]


def load_mixture(config: MixtureConfig, seed: int) -> Mixture:
    """Read all datasets.

    Which samples a `random` limit, a broken `repeat` or a weight takes depends on the seed, the dataset's name and
    the sample's own id, not on the order of a file.

    Raises:
        ConfigError: when the mixture is empty, two datasets hold the same sample id, the folder of files that samples
            show is not given, samples list candidates, no sample of a dataset has usable videos or is taken, or a
            limit asks for more than there are.
        DataError: when the datasets number their classes differently, or a label is none of them.
    """
    if not config.datasets:
        raise ConfigError("the mixture is empty; choose one with mixture=NAME or +mixture.datasets.NAME.path=FILE")
    classes = common_classes({name: Path(dataset.path) for name, dataset in config.datasets.items()})
    report = None if config.videos_report is None else VideoReport.load(Path(config.videos_report))
    pools: dict[str, list[Sample]] = {}
    dropped: dict[str, dict[str, int]] = {}
    media_folders: dict[str, Path] = {}
    owner: dict[str, str] = {}
    for name, dataset in sorted(config.datasets.items()):
        read = read_samples(Path(dataset.path))
        refuse_candidates(read, name)
        claim(read, name, owner)
        check_labels(read, classes, Path(dataset.path))
        media_folders.update(folders_of_media(read, name, dataset.media))
        usable, dropped[name] = (read, {}) if report is None else with_good_videos(read, report, name)
        pools[name] = _limited(usable, name, dataset, seed)
    times = _times(config, pools, seed)
    samples = [
        sample for name, pool in pools.items() for sample in pool for _ in range(times[name].get(sample.sample_id, 0))
    ]
    counts = {name: sum(used.values()) for name, used in times.items()}
    _tell(pools, times)
    return Mixture(samples, times, counts, dropped, _hashes(config), classes, media_folders)


def _limited(samples: list[Sample], name: str, dataset: DatasetConfig, seed: int) -> list[Sample]:
    """The part of a dataset that its limit leaves."""
    if dataset.limit is None:
        return samples
    try:
        return Limit.parse(dataset.limit).take(samples, name, seed)
    except ConfigError as error:
        raise ConfigError(f"mixture.datasets.{name}.limit of {dataset.path}: {error}") from None


def _times(config: MixtureConfig, pools: dict[str, list[Sample]], seed: int) -> dict[str, dict[str, int]]:
    """How often each sample comes per epoch, by dataset."""
    ids = {name: [sample.sample_id for sample in pool] for name, pool in pools.items()}
    weights = {name: dataset.weight for name, dataset in config.datasets.items() if dataset.weight is not None}
    if weights:
        available = {name: len(pool) for name, pool in pools.items()}
        numbers = numbers_by_weight(weights, available, config.samples_per_epoch)
        times = {name: times_by_number(ids[name], numbers[name], name, seed) for name in pools}
    else:
        times = {name: times_by_repeat(ids[name], config.datasets[name].repeat, name, seed) for name in pools}
    return {
        name: {sample_id: count for sample_id, count in zip(ids[name], times[name], strict=True) if count}
        for name in pools
    }


def _tell(pools: dict[str, list[Sample]], times: dict[str, dict[str, int]]) -> None:
    total = sum(sum(used.values()) for used in times.values())
    for name, used in times.items():
        number = sum(used.values())
        if not number:
            raise ConfigError(
                f"mixture.datasets.{name}: `repeat` takes none of its {len(pools[name])} samples; raise it, or leave "
                "the dataset out"
            )
        logger.info(
            "mixture: %s gives %d of %d samples per epoch (%.1f %%), %d different ones of %d",
            *(name, number, total, 100 * number / total, len(used), len(pools[name])),
        )


def _hashes(config: MixtureConfig) -> dict[str, str]:
    """Of every file that was read."""
    files = [file for dataset in config.datasets.values() for file in sample_files(Path(dataset.path))]
    files += [] if config.videos_report is None else [Path(config.videos_report)]
    return {str(file): file_sha256(file) for file in files}
