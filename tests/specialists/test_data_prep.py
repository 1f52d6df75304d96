"""data_prep/make_folds.py and data_prep/convert_predictions.py, one after the other."""

from __future__ import annotations

import importlib.util
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from llavaction.annotations.epic_kitchens import Annotations, AnnotationsConfig, load_annotations
from llavaction.specialists.class_ids import true_action_ids
from llavaction.specialists.folds import held_out_tables, read_folds
from llavaction.specialists.predictions import load_predictions
from llavaction.utils.seeding import rng_for
from tests.annotations.ek100_files import write_ek100
from tests.conftest import REPO_ROOT
from tests.specialists.files import WRITERS, avion_content, ranked, write_pickle
from tests.specialists.test_folds import PARTICIPANTS

Main = Callable[[list[str]], int]


def script(name: str) -> Main:
    """The main function of a script in data_prep/."""
    spec = importlib.util.spec_from_file_location(name, REPO_ROOT / "data_prep" / f"{name}.py")
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    main: Main = module.main
    return main


convert, make_folds = script("convert_predictions"), script("make_folds")


@pytest.fixture
def annotations(tmp_path: Path) -> Annotations:
    config = write_ek100(tmp_path, train=PARTICIPANTS)
    (tmp_path / config.train_file).rename(tmp_path / "mine.csv")
    return load_annotations(AnnotationsConfig(str(tmp_path), train_file="mine.csv"))


def scores_for(annotations: Annotations, num_right: int) -> np.ndarray:
    """Training scores `[N, A]` whose first action is the true one in `num_right` rows."""
    truth = true_action_ids(annotations.train, annotations.vocabulary)
    scores = rng_for(0, "scores").random((len(truth), annotations.vocabulary.num_actions), np.float32)
    scores[np.arange(num_right), truth[:num_right]] = 2
    scores[np.arange(num_right, len(truth)), truth[num_right:]] = -1
    return scores


def write_parts(tmp_path: Path, annotations: Annotations, scores: np.ndarray) -> list[str]:
    """AVION's pickle of each fold in `folds.json`."""
    table, vocabulary = annotations.train, annotations.vocabulary
    row_by_id = {segment.segment_id: row for row, segment in enumerate(table)}
    paths = []
    for fold, part in enumerate(held_out_tables(table, read_folds(tmp_path / "folds" / "folds.json", table))):
        logits = scores[[row_by_id[segment.segment_id] for segment in part]]
        path = write_pickle(tmp_path / f"fold_{fold}.pkl", avion_content(part, vocabulary, logits))
        paths.append(str(path))
    return paths


def arguments(tmp_path: Path, *predictions: str, split: str = "train") -> list[str]:
    common = ["--annotations", str(tmp_path), "--train-file", "mine.csv", "--split", split]
    return [*common, "--predictions", *predictions, "--output", str(tmp_path / "out.parquet")]


def run_make_folds(tmp_path: Path, num_folds: int = 3) -> int:
    common = ["--annotations", str(tmp_path), "--train-file", "mine.csv", "--output", str(tmp_path / "folds")]
    return make_folds([*common, "--num-folds", str(num_folds)])


def test_predictions_of_folds_become_one_file(
    tmp_path: Path, annotations: Annotations, capsys: pytest.CaptureFixture[str]
) -> None:
    scores = scores_for(annotations, 4)

    assert run_make_folds(tmp_path) == 0
    assert "10 segments of 4 participants" in capsys.readouterr().out
    parts = write_parts(tmp_path, annotations, scores)
    assert convert([*arguments(tmp_path, *parts), "--folds", str(tmp_path / "folds" / "folds.json")]) == 0

    printed = capsys.readouterr()
    assert "out.parquet: 10 segments, 10 actions each\n  recall@1    40.0%\n" in printed.out
    assert printed.err == ""
    found = load_predictions(tmp_path / "out.parquet", annotations.vocabulary)
    assert found.segment_ids == tuple(segment.segment_id for segment in annotations.train)
    assert found.action_ids.tolist() == ranked(scores).tolist()


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        (lambda parts: [parts[1], parts[0], parts[2]], "fold_1.pkl: .*"),
        (lambda parts: parts[:2], "has 3 folds, but 2 prediction files were given"),
        (lambda parts: [*parts, parts[0]], "has 3 folds, but 4 prediction files were given"),
        (lambda parts: [parts[0]] * 3, "fold_0.pkl: .*"),
    ],
)
def test_each_file_must_cover_its_fold(
    tmp_path: Path,
    annotations: Annotations,
    capsys: pytest.CaptureFixture[str],
    change: Callable[[list[str]], list[str]],
    problem: str,
) -> None:
    run_make_folds(tmp_path)
    parts = change(write_parts(tmp_path, annotations, scores_for(annotations, 4)))

    assert convert([*arguments(tmp_path, *parts), "--folds", str(tmp_path / "folds" / "folds.json")]) == 2
    assert problem.removesuffix(": .*") in " ".join(capsys.readouterr().err.split())
    assert not (tmp_path / "out.parquet").exists()


def test_several_files_need_folds(tmp_path: Path, annotations: Annotations, capsys: pytest.CaptureFixture[str]) -> None:
    assert convert(arguments(tmp_path, "a.pkl", "b.pkl")) == 2
    assert "2 prediction files, but no --folds" in capsys.readouterr().err


def test_a_specialist_that_knows_the_answers_is_told(
    tmp_path: Path, annotations: Annotations, capsys: pytest.CaptureFixture[str]
) -> None:
    world = (annotations.train, annotations.vocabulary, scores_for(annotations, 10))
    path = write_pickle(tmp_path / "avion.pkl", avion_content(*world))

    assert convert(arguments(tmp_path, str(path))) == 0
    printed = capsys.readouterr()
    assert "recall@1   100.0%" in printed.out
    assert printed.err.startswith("warning: ")
    assert "make_folds.py" in printed.err


@pytest.mark.parametrize("name", ["avion.pkl", "challenge.json", "keys.npz"])
def test_a_format_can_be_named(tmp_path: Path, annotations: Annotations, name: str) -> None:
    table, vocabulary = annotations.validation, annotations.vocabulary
    scores = rng_for(0, "validation").random((len(table), vocabulary.num_actions), np.float32)
    path = WRITERS[name](tmp_path / name, table, vocabulary, scores).rename(tmp_path / "dump")
    words = arguments(tmp_path, str(path), split="validation")

    assert convert(words) == 2
    assert convert([*words, "--format", name.split(".")[0].replace("keys", "npz")]) == 0
    assert load_predictions(tmp_path / "out.parquet", vocabulary).action_ids.tolist() == ranked(scores).tolist()


def test_too_many_folds_are_an_error(
    tmp_path: Path, annotations: Annotations, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run_make_folds(tmp_path, 5) == 2
    assert "5 folds of the 4 participants" in capsys.readouterr().err
    assert not (tmp_path / "folds").exists()
