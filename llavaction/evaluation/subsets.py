"""The subsets of a split that EK100 reports beside the whole. No torch."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from llavaction.annotations.segments import SegmentTable
from llavaction.annotations.splits import Splits
from llavaction.utils.errors import DataError

EK100_VALIDATION = {"segments": 9668, "unseen": 1065, "tail_verb": 1760, "tail_noun": 1900, "tail_action": 3105}
"""Segments of EK100's validation split and of its subsets, counted in its files (commit ea8b404)."""


@dataclass(frozen=True)
class Subsets:
    """Which segments belong to a subset, bool `[N]` each.

    Attributes:
        unseen: those of participants that training lacks.
        tail_verb, tail_noun: those of tail classes.
        tail_action: those with a tail verb or a tail noun.
    """

    unseen: np.ndarray
    tail_verb: np.ndarray
    tail_noun: np.ndarray
    tail_action: np.ndarray

    def sizes(self) -> dict[str, int]:
        """Segments in all, and of each subset."""
        return {"segments": len(self.unseen), **{name: int(mask.sum()) for name, mask in vars(self).items()}}


def find_subsets(table: SegmentTable, splits: Splits) -> Subsets:
    """The subsets of `table`, in its order.

    Raises:
        DataError: when it has no segment of the participants that are said to be unseen in it.
    """
    subsets = Subsets(
        unseen=np.array([splits.is_unseen(segment) for segment in table]),
        tail_verb=np.array([splits.is_tail_verb(segment) for segment in table]),
        tail_noun=np.array([splits.is_tail_noun(segment) for segment in table]),
        tail_action=np.array([splits.is_tail_action(segment) for segment in table]),
    )
    if not subsets.unseen.any():
        raise DataError(
            f"{table.source}: no segment of the unseen participants {sorted(splits.unseen_participant_ids)}; the "
            "validation split goes with EPIC_100_unseen_participant_ids_validation.csv, not with that of the test set"
        )
    return subsets


def check_ek100_validation(subsets: Subsets) -> None:
    """Make sure that a whole EK100 validation split has the subsets it is known to have.

    Raises:
        DataError: naming the sizes that differ; then figures are not comparable with published ones.
    """
    found = subsets.sizes()
    wrong = {name: size for name, size in found.items() if size != EK100_VALIDATION[name]}
    if wrong:
        raise DataError(
            f"these are not EK100's validation split and subsets: found {wrong}, expected "
            f"{ {name: EK100_VALIDATION[name] for name in wrong} }; fetch the files with data_prep/fetch_annotations.py"
        )
