"""Class labels of samples against the classes that they were numbered with."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from llavaction.sft.classes import CLASSES_FILE, ClassTable
from llavaction.sft.samples import Sample
from llavaction.utils.errors import DataError


def check_labels(samples: Iterable[Sample], classes: ClassTable, path: Path) -> None:
    """Refuse a label that is none of the classes: in training it would be an error deep inside a GPU.

    Args:
        path: the file of the samples.

    Raises:
        DataError: naming file, sample and value.
    """
    sizes = {"verb_id": len(classes.verbs), "noun_id": len(classes.nouns), "action_id": len(classes.actions)}
    for sample in samples:
        if sample.action is None:
            continue
        for name, size in sizes.items():
            value = getattr(sample.action, name)
            if not isinstance(value, int) or not 0 <= value < size:
                raise DataError(
                    f"{path}: sample {sample.sample_id!r}: {name} = {value!r}, but {CLASSES_FILE} beside it has {size} "
                    f"of this kind (ids from 0); build the samples and their classes together, or leave `action` out"
                )
