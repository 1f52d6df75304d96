"""A format is told by ending and content, and says the same whatever it is."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from llavaction.specialists.readers import PredictionsFormat, read_predictions
from llavaction.specialists.readers.formats import FORMATS
from llavaction.utils.errors import DataError
from tests.properties import reproducible
from tests.specialists.files import RANKS_ONLY, WRITERS, avion_content, ranked, write_json, write_pickle
from tests.specialists.test_predictions import VOCABULARY, table_of

TABLE = table_of(a="0:1", b="1:3", c="10:2", d="0:1")
SHAPE = (len(TABLE), VOCABULARY.num_actions)
SCORES = np.arange(20, dtype=np.float32).reshape(SHAPE) % 7


@reproducible
@given(values=st.lists(st.integers(-3, 3), min_size=20, max_size=20))
def test_all_formats_of_a_ranking_say_the_same(tmp_path_factory: pytest.TempPathFactory, values: list[int]) -> None:
    folder = tmp_path_factory.mktemp("formats")
    # Few values, so that there are many ties.
    scores = np.array(values, np.float32).reshape(SHAPE) / 4
    expected = ranked(scores)

    for name, write in WRITERS.items():
        found = read_predictions(write(folder / name, TABLE, VOCABULARY, scores), TABLE, VOCABULARY)
        assert found.segment_ids == ("a", "b", "c", "d"), name
        assert found.action_ids.tolist() == expected.tolist(), name
        assert (found.action_ids.dtype, found.scores.dtype) == (np.int32, np.float32), name
        known = np.full(SHAPE, np.nan) if name in RANKS_ONLY else np.take_along_axis(scores, expected, axis=1)
        np.testing.assert_array_equal(found.scores, known, name)


def test_every_format_is_written_by_the_tests(tmp_path: Path) -> None:
    def told(name: str) -> PredictionsFormat:
        path = WRITERS[name](tmp_path / name, TABLE, VOCABULARY, SCORES)
        fitting = [
            choice for choice, entry in FORMATS.items() if path.suffix in entry.endings and entry.fits(entry.load(path))
        ]
        return fitting[0]

    assert {told(name) for name in WRITERS} == set(PredictionsFormat) - {PredictionsFormat.AUTO}


@pytest.mark.parametrize(
    ("name", "format"),
    [
        ("public.json", PredictionsFormat.PUBLIC_JSON),
        ("challenge.json", PredictionsFormat.CHALLENGE),
        ("avion.pkl", PredictionsFormat.AVION),
        ("tim.pkl", PredictionsFormat.TIM),
        ("long.parquet", PredictionsFormat.PARQUET),
        ("scores.csv", PredictionsFormat.CSV),
        ("logits.npz", PredictionsFormat.NPZ),
    ],
)
def test_a_named_format_needs_no_ending(tmp_path: Path, name: str, format: PredictionsFormat) -> None:
    path = WRITERS[name](tmp_path / name, TABLE, VOCABULARY, SCORES).rename(tmp_path / "dump")

    found = read_predictions(path, TABLE, VOCABULARY, format)

    assert found.action_ids.tolist() == ranked(SCORES).tolist()
    assert found.source.startswith(str(path))
    with pytest.raises(DataError, match="dump: unknown prediction format"):
        read_predictions(path, TABLE, VOCABULARY)


@pytest.mark.parametrize("name", ["tim", "tim.txt", "tim.npy"])
def test_an_unknown_ending_is_an_error_with_the_known_ones(tmp_path: Path, name: str) -> None:
    with pytest.raises(DataError, match=rf"{name}: unknown prediction format; known endings: \.json, \.pkl, .*\.npz$"):
        read_predictions(tmp_path / name, TABLE, VOCABULARY)


@pytest.mark.parametrize("content", [{"action": np.zeros((4, 5)), "ids": ["a"]}, [1, 2], 7])
def test_a_pickle_of_neither_format_is_an_error_with_what_it_holds(tmp_path: Path, content: object) -> None:
    path = write_pickle(tmp_path / "other.pkl", content)
    found = r"the keys \['action', 'ids'\]" if isinstance(content, dict) else f"a {type(content).__name__}"

    with pytest.raises(
        DataError,
        match=rf"none of the formats avion \(has 'logits'\) or tim \(has 'v_narration_ids'\); it holds {found}",
    ):
        read_predictions(path, TABLE, VOCABULARY)


@pytest.mark.parametrize("ending", [ending for entry in FORMATS.values() for ending in entry.endings])
def test_a_missing_file_is_named(tmp_path: Path, ending: str) -> None:
    with pytest.raises(DataError, match=rf"absent\{ending}: no such file"):
        read_predictions(tmp_path / f"absent{ending}", TABLE, VOCABULARY)


def test_endings_are_read_in_any_case(tmp_path: Path) -> None:
    path = write_pickle(tmp_path / "AVION.PKL", avion_content(TABLE, VOCABULARY, SCORES))

    assert read_predictions(path, TABLE, VOCABULARY).action_ids.tolist() == ranked(SCORES).tolist()


@pytest.mark.parametrize("format", [PredictionsFormat.AVION, PredictionsFormat.TIM])
def test_a_named_pickle_format_says_what_it_misses(tmp_path: Path, format: PredictionsFormat) -> None:
    path = write_pickle(tmp_path / "other.pkl", {"scores": np.zeros(3)})

    with pytest.raises(DataError, match=r"other\.pkl: no '(logits|v_narration_ids)'"):
        read_predictions(path, TABLE, VOCABULARY, format)


def test_a_named_challenge_says_what_it_misses(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"other\.json: no segments in 'results'"):
        read_predictions(write_json(tmp_path / "other.json", [1]), TABLE, VOCABULARY, PredictionsFormat.CHALLENGE)
