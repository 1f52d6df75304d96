"""Which samples a training run sees, and how often."""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path

from llavaction.sft.classes import ClassTable
from llavaction.sft.samples import Sample, read_samples, sample_files
from llavaction.utils.errors import ConfigError
from llavaction.utils.hashing import file_sha256
from llavaction.utils.seeding import unit_interval
from llavaction.video.report import VideoReport

logger = logging.getLogger(__name__)


@dataclass
class DatasetConfig:
    """One sample file of a mixture."""

    path: str = "???"
    """JSONL file of samples."""
    repeat: float = 1.0
    """How often each sample comes per epoch; 0.5 takes a fixed half of the samples, 2.5 all twice and half of
    them once more."""
    media: str | None = None
    """Folder that the files of samples with `media` lie in; null where all samples show clips or nothing."""

    def __post_init__(self) -> None:
        if not 0 < self.repeat < float("inf"):
            raise ConfigError(f"mixture: repeat = {self.repeat} of {self.path}: must be above 0")


@dataclass
class MixtureConfig:
    """The datasets of a training run, by name."""

    datasets: dict[str, DatasetConfig] = field(default_factory=dict)
    """Sample files and their weights."""
    videos_report: str | None = None
    """Report of `data_prep/check_videos.py`: samples whose clip touches a bad file are left out and counted. Null
    trusts every file, and a bad one stops the run when it is met."""


@dataclass(frozen=True)
class Mixture:
    """What an epoch is made of.

    Attributes:
        samples: each as often as it comes per epoch.
        counts: how many come from each dataset.
        dropped: how many samples of each dataset's file are left out, by what is wrong with their video.
        hashes: of the files read.
        classes: what all datasets were numbered with.
        media_folders: by sample id, where the files of samples with `media` lie.
    """

    samples: list[Sample]
    counts: dict[str, int]
    dropped: dict[str, dict[str, int]]
    hashes: dict[str, str]
    classes: ClassTable
    media_folders: dict[str, Path]


def load_mixture(config: MixtureConfig, seed: int) -> Mixture:
    """Read all datasets.

    Which samples a fractional `repeat` takes depends on the seed and each sample's own id.

    Raises:
        ConfigError: when the mixture is empty, two datasets hold the same sample id, the folder of files that samples
            show is not given, or no sample of a dataset has usable videos.
        DataError: when the datasets number their classes differently.
    """
    if not config.datasets:
        raise ConfigError("the mixture is empty; choose one with mixture=NAME or +mixture.datasets.NAME.path=FILE")
    classes = _common_classes(config)
    report = None if config.videos_report is None else VideoReport.load(Path(config.videos_report))
    samples: list[Sample] = []
    counts: dict[str, int] = {}
    dropped: dict[str, dict[str, int]] = {}
    media_folders: dict[str, Path] = {}
    owner: dict[str, str] = {}
    for name, dataset in sorted(config.datasets.items()):
        read = read_samples(Path(dataset.path))
        _claim(read, name, owner)
        media_folders.update(_media_folders(read, name, dataset))
        usable, dropped[name] = (read, {}) if report is None else _usable(read, report)
        _tell_dropped(name, len(usable), dropped[name])
        chosen = [sample for sample in usable for _ in range(_times(sample, name, dataset.repeat, seed))]
        samples += chosen
        counts[name] = len(chosen)
    files = [file for dataset in config.datasets.values() for file in sample_files(Path(dataset.path))]
    files += [] if config.videos_report is None else [Path(config.videos_report)]
    hashes = {str(file): file_sha256(file) for file in files}
    return Mixture(samples, counts, dropped, hashes, classes, media_folders)


def _common_classes(config: MixtureConfig) -> ClassTable:
    """The table beside every sample file; all must number alike."""
    tables = {name: ClassTable.load(Path(dataset.path).parent) for name, dataset in sorted(config.datasets.items())}
    first, classes = next(iter(tables.items()))
    for name, table in tables.items():
        classes.check_same(table, f"mixture: {first}", name)
    return classes


def _claim(samples: Iterable[Sample], name: str, owner: dict[str, str]) -> None:
    """Note whose each sample is, and refuse one that another dataset holds already."""
    for sample in samples:
        if owner.setdefault(sample.sample_id, name) != name:
            raise ConfigError(
                f"mixture: {name} and {owner[sample.sample_id]} both hold sample {sample.sample_id!r}; "
                "use `repeat` to take samples more than once"
            )


def _media_folders(samples: Iterable[Sample], name: str, dataset: DatasetConfig) -> dict[str, Path]:
    """The dataset's folder for each sample that shows files."""
    shown = [sample.sample_id for sample in samples if sample.media]
    if not shown:
        return {}
    key = f"mixture.datasets.{name}.media"
    if dataset.media is None:
        raise ConfigError(f"sample {shown[0]!r} of {dataset.path} shows files; set {key}=FOLDER, where they lie")
    folder = Path(dataset.media)
    if not folder.is_dir():
        raise ConfigError(f"{key} = {folder}: no such folder")
    return dict.fromkeys(shown, folder)


def _usable(samples: Iterable[Sample], report: VideoReport) -> tuple[list[Sample], dict[str, int]]:
    """The samples whose clip touches no bad file, and how many others there are for each problem."""
    usable: list[Sample] = []
    dropped: Counter[str] = Counter()
    for sample in samples:
        clip = sample.clip
        problem = None if clip is None else report.problem(clip.video_id, clip.start_s, clip.stop_s)
        if problem is None:
            usable.append(sample)
        else:
            dropped[problem] += 1
    return usable, dict(dropped.most_common())


def _tell_dropped(name: str, num_usable: int, dropped: dict[str, int]) -> None:
    if not dropped:
        return
    problem, count = next(iter(dropped.items()))
    num_dropped = sum(dropped.values())
    text = (
        f"mixture: {num_dropped} of {num_usable + num_dropped} samples of {name} are left out for their videos; "
        f"{count} of them: {problem}"
    )
    if not num_usable:
        raise ConfigError(f"{text}; is mixture.videos_report about these videos? Or leave the dataset out")
    logger.warning(text)


def _times(sample: Sample, name: str, repeat: float, seed: int) -> int:
    """How often a sample comes per epoch."""
    whole, part = int(repeat), repeat % 1
    return whole + (part > 0 and unit_interval(seed, "mixture", name, sample.sample_id) < part)
