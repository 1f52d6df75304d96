"""CSV tables of any origin."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from llavaction.annotations.segments import SegmentTable
from llavaction.specialists.predictions import TopKPredictions
from llavaction.specialists.readers import read_predictions
from llavaction.utils.errors import DataError
from tests.specialists.test_predictions import VOCABULARY, table_of

TABLE = table_of(a="0:1", b="1:3")


def read(tmp_path: Path, text: str, table: SegmentTable = TABLE) -> TopKPredictions:
    path = tmp_path / "mine.csv"
    path.write_text(text)
    return read_predictions(path, table, VOCABULARY)


def test_ranks_order_and_scores_are_kept(tmp_path: Path) -> None:
    found = read(
        tmp_path, "rank,score,action,segment_id,model\n2,1.5,0:0,a,x\n1,1.5,2:0,a,x\n1,3,0:1,b,x\n2,-1,10:2,b,x\n"
    )

    assert found.action_ids.tolist() == [[4, 0], [1, 2]]
    assert found.scores.tolist() == [[1.5, 1.5], [3, -1]]


def test_without_ranks_the_score_orders_and_ties_go_by_action(tmp_path: Path) -> None:
    found = read(tmp_path, "segment_id,action,score\na,2:0,1\na,0:0,1\na,1:3,2\nb,0:0,-2\nb,0:1,-1\nb,1:3,-3\n")

    assert found.action_ids.tolist() == [[3, 0, 4], [1, 0, 3]]


def test_without_scores_there_are_none(tmp_path: Path) -> None:
    found = read(tmp_path, "segment_id,action,rank\na,2:0,1\nb,0:0,1\n")

    assert np.isnan(found.scores).all()


DEFECTS = [
    ("", "needs the columns segment_id, action"),
    ("segment_id,action\na,0:0\n", r"needs the columns .* and rank \(from 1\) or score; has segment_id, action"),
    ("segment_id,rank\na,1\n", "needs the columns"),
    ("segment_id,action,rank\n", "no rows in it"),
    ("segment_id,action,rank\na,0:0,1\nb,7:7,1\n", "action '7:7' is none of the 5"),
    ("segment_id,action,rank\na,0:0,first\n", "data row 1, column 'rank' = 'first': expected a whole number"),
    ("segment_id,action,score\na,0:0,high\n", "data row 1, column 'score' = 'high': expected a number"),
    ("segment_id,action,score\na,0:0,1\nb,0:0,nan\n", "segment 'b' has a score that is NaN or infinite"),
    ("segment_id,action,score\na,0:0,1\nb,0:0,inf\n", "segment 'b' has a score that is NaN or infinite"),
    ("segment_id,action,rank\na,0:0,1\na,0:1,2\nb,0:0,1\n", r"segments have 1 \(such as 'b'\) to 2 rows"),
    (
        "segment_id,action,rank\na,0:0,0\nb,0:1,1\n",
        r"1 of 2 segments \(such as 'a'\) do not have each rank from 1 to 1",
    ),
    ("segment_id,action,rank\na,0:0,1\na,0:1,1\nb,0:0,1\nb,0:1,2\n", "1 of 2 segments .*each rank from 1 to 2 once"),
    (
        "segment_id,action,rank,score\na,0:0,1,1\na,0:1,2,2\nb,0:0,1,2\nb,0:1,2,1\n",
        r"the scores of 1 segments \(such as 'a'\) rise with the rank",
    ),
    ("segment_id,action,rank\na,0:0,1\na,0:0,2\nb,0:0,1\nb,0:1,2\n", "1 rows name an action more than once"),
    ("segment_id,action,rank\na,0:0,1\n", "1 of the 2 segments of validation.csv have no prediction"),
    ("segment_id,action,rank\na,0:0,1\nb,0:0,1\nz,0:0,1\n", "1 predictions are for other segments"),
]


@pytest.mark.parametrize(("text", "problem"), DEFECTS)
def test_defects(tmp_path: Path, text: str, problem: str) -> None:
    with pytest.raises(DataError, match=rf"mine\.csv: .*{problem}|mine\.csv: {problem}"):
        read(tmp_path, text)


def test_another_encoding_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "mine.csv").write_bytes("segment_id,action,größe\n".encode("latin1"))

    with pytest.raises(DataError, match=r"mine\.csv: not UTF-8"):
        read_predictions(tmp_path / "mine.csv", TABLE, VOCABULARY)
