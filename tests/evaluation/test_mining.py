from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from llavaction.evaluation.config import TaskName
from llavaction.evaluation.mining import mined_predictions
from llavaction.evaluation.predictions import Row
from llavaction.utils.errors import DataError
from llavaction.utils.jsonl import write_jsonl
from tests.evaluation.rows import choice, heads


def ranked(number: int, *actions: int) -> Row:
    scores = tuple(-0.5 * (place + 1) for place in range(len(actions)))
    return replace(heads(number, 1, 2, actions[0]), top_actions=actions, scores=scores)


def write(folder: Path, *rows: Row) -> Path:
    write_jsonl(folder / "head.jsonl", [row.to_row() for row in rows])
    return folder / "head.jsonl"


def test_rows_become_a_ranking(tmp_path: Path) -> None:
    predictions = mined_predictions(write(tmp_path, ranked(0, 3, 1), ranked(1, 0, 2)))
    assert predictions.segment_ids == ("P01_01_0", "P01_01_1")
    assert predictions.action_ids.tolist() == [[3, 1], [0, 2]]
    np.testing.assert_array_equal(predictions.scores, np.array([[-0.5, -1.0]] * 2, np.float32))


@pytest.mark.parametrize("kind", [TaskName.ALL_CLASSES, TaskName.DIRECT])
def test_other_tasks_rank_classes_too(tmp_path: Path, kind: TaskName) -> None:
    predictions = mined_predictions(write(tmp_path, replace(ranked(0, 3, 1), kind=kind)))
    assert predictions.action_ids.tolist() == [[3, 1]]
    assert predictions.scores.tolist() == [[-0.5, -1.0]]


@pytest.mark.parametrize(
    ("rows", "problem"),
    [
        ((choice(0, 1),), "'q/0' of task 't' ranks no actions"),
        ((heads(0, 1, 2, 3),), "ranks no actions"),
        ((replace(ranked(0, 3, 1), options=("a", "b")),), "ranks no actions of its own"),
        (
            (replace(heads(0, 1, 2, 3), excluded="a.mp4 is broken"),),
            r"ranks no actions of its own \(a\.mp4 is broken\)",
        ),
        ((replace(ranked(0, 3, 1), scores=(1.0,)),), "row 'q/0' has 1 scores for 2 actions"),
        ((ranked(0, 3, 1), ranked(1, 0)), "different numbers of actions"),
        ((ranked(0, 3, 1), replace(ranked(0, 3, 1), sample_id="q/9")), "1 segments stand in it more than once"),
    ],
)
def test_other_rows_are_refused(tmp_path: Path, rows: tuple[Row, ...], problem: str) -> None:
    with pytest.raises(DataError, match=problem):
        mined_predictions(write(tmp_path, *rows))
