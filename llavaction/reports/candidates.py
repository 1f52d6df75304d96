"""Reports on distractors need questions with a right option among wrong ones; candidates are none."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from llavaction.sft.samples import Sample, View
from llavaction.utils.errors import DataError


def refuse_candidates(path: Path, samples: Iterable[Sample]) -> None:
    """Make sure that every question of a file has a right option, at a letter that says nothing.

    Raises:
        DataError: naming the first sample that lists candidates.
    """
    for sample in samples:
        if sample.view is View.CANDIDATES:
            raise DataError(
                f"{path}: sample {sample.sample_id!r} lists candidates in the order of their rank, perhaps without the "
                "true class; give a file of questions with distractors, such as validation_mqa.jsonl (how often the "
                "truth is among the candidates stands in the manifest, under truth_within)"
            )
