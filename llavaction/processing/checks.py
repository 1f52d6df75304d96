"""Whether the datasets of a mixture fit together."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path

from llavaction.sft.classes import ClassTable
from llavaction.sft.samples import Sample, View
from llavaction.utils.errors import ConfigError


def common_classes(paths: Mapping[str, Path]) -> ClassTable:
    """The table beside every dataset's sample file.

    Raises:
        DataError: when one is missing, or they number their classes differently.
    """
    tables = {name: ClassTable.load(path.parent) for name, path in sorted(paths.items())}
    first, classes = next(iter(tables.items()))
    for name, table in tables.items():
        classes.check_same(table, f"mixture: {first}", name)
    return classes


def claim(samples: Iterable[Sample], name: str, owner: dict[str, str]) -> None:
    """Note in `owner` that each sample is dataset `name`'s.

    Raises:
        ConfigError: when another dataset holds one already.
    """
    for sample in samples:
        if owner.setdefault(sample.sample_id, name) != name:
            raise ConfigError(
                f"mixture: {name} and {owner[sample.sample_id]} both hold sample {sample.sample_id!r}; "
                "use `repeat` to take samples more than once"
            )


def refuse_candidates(samples: Iterable[Sample], name: str) -> None:
    """Make sure that nobody trains on questions that are made to evaluate with.

    Raises:
        ConfigError: naming the first sample that lists candidates.
    """
    for sample in samples:
        if sample.view is View.CANDIDATES:
            raise ConfigError(
                f"mixture.datasets.{name}: sample {sample.sample_id!r} lists candidates in the order of their rank, "
                "perhaps without the true class; such questions are for evaluation alone: train on the view mqa"
            )


def folders_of_media(samples: Iterable[Sample], name: str, media: str | None) -> dict[str, Path]:
    """Dataset `name`'s folder of files, `media`, for the id of each of its samples that shows some.

    Raises:
        ConfigError: when it is needed and not given, or is no folder.
    """
    shown = [sample.sample_id for sample in samples if sample.media]
    if not shown:
        return {}
    key = f"mixture.datasets.{name}.media"
    if media is None:
        raise ConfigError(f"sample {shown[0]!r} of {name} shows files; set {key}=FOLDER, where they lie")
    folder = Path(media)
    if not folder.is_dir():
        raise ConfigError(f"{key} = {folder}: no such folder")
    return dict.fromkeys(shown, folder)
