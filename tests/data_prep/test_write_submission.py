"""data_prep/write_submission.py: what the zip says is what the rows say."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from llavaction.annotations.epic_kitchens import Annotations, load_annotations
from llavaction.evaluation.challenge import read_content, read_submission
from llavaction.evaluation.class_scores import marginal_scores
from llavaction.evaluation.config import TaskName
from llavaction.evaluation.mining import ranked_predictions
from llavaction.evaluation.predictions import Row
from llavaction.evaluation.ranks import ranks_of_predictions, ranks_of_scores
from llavaction.evaluation.recognition import recognition_metrics
from llavaction.reports.tables.recognition import Recognition
from llavaction.sft.classes import ClassTable
from llavaction.utils.jsonl import write_jsonl
from tests.annotations.ek100_files import write_ek100

Run = Callable[..., int]


@pytest.fixture
def annotations(tmp_path: Path) -> Annotations:
    (tmp_path / "ek100").mkdir()
    return load_annotations(write_ek100(tmp_path / "ek100"))


@pytest.fixture
def rows(tmp_path: Path, annotations: Annotations) -> list[Row]:
    """Six scored actions for each segment, in another order each."""
    classes = ClassTable.from_annotations(annotations)
    rng = np.random.default_rng(0)
    made = []
    for segment in annotations.validation:
        ranked = tuple(int(action_id) for action_id in rng.permutation(len(classes.actions))[:6])
        best = classes.verb_noun(classes.actions[ranked[0]])
        truth = classes.actions.index(f"{segment.verb_id}:{segment.noun_id}")
        made.append(
            Row(
                task="all",
                kind=TaskName.ALL_CLASSES,
                sample_id=f"direct/{segment.segment_id}",
                segment_id=segment.segment_id,
                truth=(segment.verb_id, segment.noun_id, truth),
                answer=segment.narration,
                predicted=(*best, ranked[0]),
                top_actions=ranked,
                scores=tuple(sorted(rng.normal(-4, 1, 6).tolist(), reverse=True)),
            )
        )
    write_rows(tmp_path, annotations, made)
    return made


def write_rows(tmp_path: Path, annotations: Annotations, rows: list[Row]) -> None:
    ClassTable.from_annotations(annotations).save(tmp_path / "run")
    write_jsonl(tmp_path / "run" / "rows" / "all.jsonl", [row.to_row() for row in rows])


def words(tmp_path: Path, **more: Any) -> list[Any]:
    given = {"annotations": tmp_path / "ek100", "run": tmp_path / "run", "task": "all", "output": tmp_path / "s.zip"}
    levels = {"pretraining": 2, "labels": 3, "data": 4}
    return [word for name, value in {**given, **levels, **more}.items() for word in (f"--{name}", value)]


def test_the_zip_says_what_the_rows_say(
    tmp_path: Path, annotations: Annotations, rows: list[Row], run_script: Run, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run_script("write_submission", *words(tmp_path)) == 0
    printed = capsys.readouterr().out
    vocabulary, table = annotations.vocabulary, annotations.validation
    predictions = ranked_predictions("rows", rows)
    submission = read_submission(tmp_path / "s.zip", vocabulary)
    content = read_content(tmp_path / "s.zip")

    assert (content["sls_pt"], content["sls_tl"], content["sls_td"]) == (2, 3, 4)
    expected = marginal_scores(predictions, vocabulary)
    assert submission.scores.segment_ids == expected.segment_ids
    assert (submission.scores.verb == expected.verb).all() and (submission.scores.noun == expected.noun).all()
    assert submission.actions is not None
    for row, scores in zip(predictions.scores.tolist(), submission.actions.values()):
        assert list(scores.values()) == row
    # Verbs and nouns by the sums over actions, actions by their own scores.
    recognition = Recognition.of(annotations)
    summed = ranks_of_scores(expected, table, vocabulary)
    own = replace(summed, action=ranks_of_predictions(predictions, table, vocabulary).action)
    found = recognition.of_file(tmp_path / "s.zip")
    assert found == recognition_metrics(own, table, recognition.subsets)
    of_rows = recognition.of_rows(rows, ClassTable.load(tmp_path / "run"), "rows")
    actions = [name for name in found if "action" in name]
    assert len(actions) == 5 and {name: found[name] for name in actions} == {name: of_rows[name] for name in actions}
    lines = {line.split()[0]: line.split()[1:] for line in printed.splitlines()[1:]}
    for name, estimate in found.items():
        assert lines[name][0] == ("no" if estimate is None else f"{100 * estimate.value:.1f}")


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        (lambda row: replace(row, kind=TaskName.DIRECT), "does not score actions by their log-likelihood"),
        (lambda row: replace(row, scores=()), "has 0 scores for 6 actions"),
        (
            lambda row: replace(row, top_actions=(), scores=(), excluded="no video"),
            "ranks no actions of its own (no vid",
        ),
        (lambda row: replace(row, segment_id="P09_01_99"), "of the 4 segments of"),
    ],
)
def test_rows_that_are_no_submission_are_refused(
    tmp_path: Path,
    annotations: Annotations,
    rows: list[Row],
    run_script: Run,
    capsys: pytest.CaptureFixture[str],
    change: Callable[[Row], Row],
    problem: str,
) -> None:
    write_rows(tmp_path, annotations, [change(rows[0]), *rows[1:]])

    assert run_script("write_submission", *words(tmp_path)) == 2
    assert problem in " ".join(capsys.readouterr().err.split())
    assert not (tmp_path / "s.zip").exists()


def test_levels_are_the_challenges_own(
    tmp_path: Path, rows: list[Row], run_script: Run, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run_script("write_submission", *words(tmp_path, labels=6)) == 2
    assert "supervision level labels = 6: must be a whole number from 0 to 5" in capsys.readouterr().err
