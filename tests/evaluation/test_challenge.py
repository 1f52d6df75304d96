"""Submissions: what is written comes back, in the form that the challenge wants."""

from __future__ import annotations

import json
import zipfile
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from llavaction.evaluation.challenge import (
    Submission,
    SupervisionLevels,
    read_submission,
    scores_by_pair,
    write_submission,
)
from llavaction.specialists.predictions import TopKPredictions
from llavaction.specialists.readers import read_predictions
from llavaction.utils.errors import ConfigError, DataError
from tests.evaluation.scores import VOCABULARY, scores_of, table_of
from tests.properties import reproducible

LEVELS = SupervisionLevels(2, 3, 4)
TABLE = table_of(("P01_11", 0, 1), ("P18_02", 2, 3))
SCORES = scores_of(TABLE, [[1.2, 0, -3], [0.1, 0.2, 0.3]], [[0.1, 0, 0, 0.4], [1, 2, 3, 4]])
NUMBERS = st.floats(-1e6, 1e6)


@reproducible
@given(
    verb=st.lists(st.lists(NUMBERS, min_size=3, max_size=3), min_size=2, max_size=2),
    noun=st.lists(st.lists(NUMBERS, min_size=4, max_size=4), min_size=2, max_size=2),
)
def test_scores_come_back_to_the_last_bit(
    tmp_path_factory: pytest.TempPathFactory, verb: list[list[float]], noun: list[list[float]]
) -> None:
    path = tmp_path_factory.mktemp("challenge") / "a.zip"
    write_submission(path, Submission(scores_of(TABLE, verb, noun), None), LEVELS)
    found = read_submission(path, VOCABULARY)

    assert found.scores.segment_ids == SCORES.segment_ids
    assert (found.scores.verb.tolist(), found.scores.noun.tolist()) == (verb, noun)
    assert found.actions is None


def test_the_form_of_the_challenge(tmp_path: Path) -> None:
    write_submission(tmp_path / "deep" / "a.zip", Submission(SCORES, None), LEVELS)

    with zipfile.ZipFile(tmp_path / "deep" / "a.zip") as archive:
        assert archive.namelist() == ["test.json"]
        content = json.loads(archive.read("test.json"))
    marks = {key: value for key, value in content.items() if key != "results"}
    assert marks == {"version": "0.2", "challenge": "action_recognition", "sls_pt": 2, "sls_tl": 3, "sls_td": 4}
    assert content["results"]["P01_11_0"] == {
        "verb": {"0": 1.2, "1": 0, "2": -3},
        "noun": {"0": 0.1, "1": 0, "2": 0, "3": 0.4},
    }
    assert [path.name for path in (tmp_path / "deep").iterdir()] == ["a.zip"]


def test_equal_scores_are_equal_bytes_in_single_precision_too(tmp_path: Path) -> None:
    single = replace(SCORES, verb=SCORES.verb.astype(np.float32), noun=SCORES.noun.astype(np.float32))
    for name in ("a.zip", "b.zip"):
        write_submission(tmp_path / name, Submission(single, None), LEVELS)

    assert (tmp_path / "a.zip").read_bytes() == (tmp_path / "b.zip").read_bytes()
    assert (read_submission(tmp_path / "a.zip", VOCABULARY).scores.verb == single.verb).all()


def test_actions_come_back(tmp_path: Path) -> None:
    ids = np.array([[5, 0, 3], [11, 2, 1]], np.int32)
    ranked = TopKPredictions("head", SCORES.segment_ids, ids, np.array([[3, 2, 1], [0, -1, -2.5]], np.float32))
    actions = scores_by_pair(ranked, VOCABULARY)
    write_submission(tmp_path / "a.zip", Submission(SCORES, actions), LEVELS)

    assert read_submission(tmp_path / "a.zip", VOCABULARY).actions == actions
    assert actions["P18_02_1"] == {"2,3": 0, "0,2": -1, "0,1": -2.5}
    # The JSON alone is a file of predictions, such as distractors are taken from.
    with zipfile.ZipFile(tmp_path / "a.zip") as archive:
        archive.extractall(tmp_path)
    found = read_predictions(tmp_path / "test.json", TABLE, VOCABULARY)
    assert found.action_ids.tolist() == ids.tolist()
    assert read_submission(tmp_path / "test.json", VOCABULARY).actions == actions


def test_actions_of_other_segments_are_refused(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="model: scores of actions and of verbs and nouns are not for the same"):
        write_submission(tmp_path / "a.zip", Submission(SCORES, {"P01_11_0": {"0,1": 1.0}}), LEVELS)
    assert not list(tmp_path.iterdir())


def test_what_is_no_submission(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"none\.zip: no such file"):
        read_submission(tmp_path / "none.zip", VOCABULARY)
    (tmp_path / "text.zip").write_text("hello")
    with pytest.raises(DataError, match=r"text\.zip: not a zip that holds JSON as 'test\.json'"):
        read_submission(tmp_path / "text.zip", VOCABULARY)
    for name, text in (("other.json", "{}"), ("test.json", "{")):
        with zipfile.ZipFile(tmp_path / "b.zip", "w") as archive:
            archive.writestr(name, text)
        with pytest.raises(DataError, match=r"b\.zip: not a zip that holds JSON as 'test\.json'"):
            read_submission(tmp_path / "b.zip", VOCABULARY)
    with zipfile.ZipFile(tmp_path / "c.zip", "w") as archive:
        archive.writestr("test.json", json.dumps({"version": "0.1", "results": {"a": {}}}))
    with pytest.raises(DataError, match=r"c\.zip: 'version' is '0\.1'"):
        read_submission(tmp_path / "c.zip", VOCABULARY)


def test_levels_have_a_range() -> None:
    with pytest.raises(ConfigError, match="supervision level labels = 6: must be a whole number from 0 to 5"):
        SupervisionLevels(0, 6, 0)
