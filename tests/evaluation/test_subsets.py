"""Unseen participants and tail classes of a split."""

from __future__ import annotations

import numpy as np
import pytest

from llavaction.annotations.epic_kitchens import Annotations
from llavaction.annotations.splits import Splits
from llavaction.evaluation.subsets import EK100_VALIDATION, check_ek100_validation, find_subsets
from llavaction.utils.errors import DataError
from tests.evaluation.scores import table_of

TABLE = table_of(("P01_01", 0, 0), ("P18_02", 1, 0), ("P18_02", 0, 3), ("P01_01", 1, 3), ("P02_01", 2, 1))


def test_by_hand() -> None:
    found = find_subsets(TABLE, Splits(frozenset({1}), frozenset({3}), frozenset({"P18", "P32"})))

    assert np.flatnonzero(found.unseen).tolist() == [1, 2]
    assert np.flatnonzero(found.tail_verb).tolist() == [1, 3]
    assert np.flatnonzero(found.tail_noun).tolist() == [2, 3]
    assert np.flatnonzero(found.tail_action).tolist() == [1, 2, 3]
    assert found.sizes() == {"segments": 5, "unseen": 2, "tail_verb": 2, "tail_noun": 2, "tail_action": 3}


def test_the_participants_of_another_split_are_noticed() -> None:
    splits = Splits(frozenset({1}), frozenset({3}), frozenset({"P33", "P34", "P36"}))

    with pytest.raises(
        DataError, match=r"validation\.csv: no segment of the unseen participants \['P33', 'P34', 'P36'"
    ):
        find_subsets(TABLE, splits)


def test_the_real_subsets(ek100: Annotations) -> None:
    assert (len(ek100.splits.tail_verb_ids), len(ek100.splits.tail_noun_ids)) == (86, 228)
    assert ek100.splits.unseen_participant_ids == {"P18", "P32"}
    found = find_subsets(ek100.validation, ek100.splits)

    check_ek100_validation(found)
    assert found.sizes() == EK100_VALIDATION


def test_other_subsets_are_not_taken_for_the_real_ones(ek100: Annotations) -> None:
    splits = Splits(frozenset({0}), ek100.splits.tail_noun_ids, frozenset({"P18"}))

    with pytest.raises(DataError, match=r"found \{'unseen': \d+, 'tail_verb': \d+, 'tail_action': \d+\}, expected"):
        check_ek100_validation(find_subsets(ek100.validation, splits))
