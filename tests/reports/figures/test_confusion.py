"""What was taken for what, counted."""

from __future__ import annotations

from collections import Counter

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from llavaction.evaluation.config import TaskName
from llavaction.evaluation.predictions import Row
from llavaction.reports.figures.config import Part
from llavaction.reports.figures.confusion import NOTHING_READ, OTHER, count_confusions
from llavaction.reports.tables.run_state import EvaluationFolder
from tests.evaluation.rows import row
from tests.reports.evaluations import write_run

Pair = tuple[int, int | None]
"""True noun and the one that was answered."""


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> EvaluationFolder:
    """A folder with classes."""
    return EvaluationFolder(write_run(tmp_path_factory.mktemp("run"), {}))


def rows_of(pairs: list[Pair]) -> list[Row]:
    return [
        row(TaskName.DIRECT, number, truth=(0, truth, 0), predicted=None if answer is None else (0, answer, 0))
        for number, (truth, answer) in enumerate(pairs)
    ]


def test_by_hand(run: EvaluationFolder) -> None:
    pairs: list[Pair] = [(1, 1), (1, 1), (1, 2), (2, 2), (2, None), (0, 3), (3, 3)]
    found = count_confusions(rows_of(pairs), run, Part.NOUN, num_classes=2)

    # Nouns 1 and 2 are the most frequent; class keys are shown in plain words.
    assert found.truths == ("1 noun", "2 noun", OTHER)
    assert found.answers == ("1 noun", "2 noun", OTHER, NOTHING_READ)
    assert found.counts.tolist() == [[2, 1, 0, 0], [0, 1, 0, 1], [0, 0, 2, 0]]


def test_verbs_are_read_off_the_other_place(run: EvaluationFolder) -> None:
    rows = [row(TaskName.DIRECT, 0, truth=(2, 0, 0), predicted=(1, 0, 0))]
    found = count_confusions(rows, run, Part.VERB, num_classes=20)

    assert (found.truths, found.answers) == (("verb 2",), ("verb 2", OTHER))
    assert found.counts.tolist() == [[0, 1]]


@given(
    st.lists(st.tuples(st.integers(0, 3), st.one_of(st.none(), st.integers(0, 3))), min_size=1, max_size=20),
    st.integers(2, 5),
)
def test_every_row_is_counted_once(run: EvaluationFolder, pairs: list[Pair], num_classes: int) -> None:
    # One answer at least can be read.
    pairs = [*pairs, (0, 0)]
    found = count_confusions(rows_of(pairs), run, Part.NOUN, num_classes)
    sizes = Counter(truth for truth, _ in pairs)

    assert found.counts.sum() == len(pairs)
    assert found.counts.shape == (len(found.truths), len(found.answers))
    shown = sorted(sizes, key=lambda noun: (-sizes[noun], noun))[:num_classes]
    for place, noun in enumerate(shown):
        assert found.counts[place].sum() == sizes[noun]
        assert found.counts[place, place] == pairs.count((noun, noun))
    # What has no count at all takes no room.
    assert np.all(found.counts[len(shown) :].sum(axis=1) > 0)
    assert np.all(found.counts[:, len(shown) :].sum(axis=0) > 0)
