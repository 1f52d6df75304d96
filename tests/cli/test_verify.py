"""`llavaction verify`, from a built folder to an exit code."""

from __future__ import annotations

from pathlib import Path

import pytest

from llavaction.cli.main import USER_ERROR, main
from llavaction.sft.manifest import read_manifest
from llavaction.utils.jsonl import read_jsonl, write_jsonl
from tests.annotations.ek100_files import write_ek100

pytestmark = pytest.mark.thorough

Captured = pytest.CaptureFixture[str]


@pytest.fixture
def built(tmp_path: Path, capsys: Captured) -> Path:
    """Questions about validation, built by the command."""
    return build(tmp_path, capsys)


def build(tmp_path: Path, capsys: Captured, *words: str) -> Path:
    folder, sources = tmp_path / "built", tmp_path / "sources"
    sources.mkdir()
    write_ek100(sources)
    paths = [f"paths.annotations={sources}", f"output={folder}", "sft=mqa_benchmark", "sft.num_options=3"]
    assert main(["build-sft", *paths, *words]) == 0
    capsys.readouterr()
    return folder


def error_of(capsys: Captured) -> str:
    captured = capsys.readouterr()
    assert captured.out == ""
    (line,) = (line for line in captured.err.splitlines() if line.startswith("error: "))
    return line


def test_an_equal_rebuild_is_told_with_its_hash(built: Path, capsys: Captured) -> None:
    before = {path: path.read_bytes() for path in built.iterdir()}
    assert main(["verify", str(built)]) == 0
    assert capsys.readouterr().out == f"equal: 4 samples, content {read_manifest(built)['content_sha256']}\n"
    assert {path: path.read_bytes() for path in built.iterdir()} == before


def test_a_changed_sample_is_named(built: Path, capsys: Captured) -> None:
    rows = list(read_jsonl(built / "validation_mqa.jsonl"))
    rows[2]["answer_idx"] = (rows[2]["answer_idx"] + 1) % 3
    write_jsonl(built / "validation_mqa.jsonl", rows)
    assert main(["verify", str(built)]) == USER_ERROR
    error = error_of(capsys)
    assert error.startswith(
        "error: not equal: validation_mqa.jsonl: sample 'mqa/random/P02_07_2' differs in answer_idx"
    )


def test_a_changed_source_is_named(built: Path, capsys: Captured) -> None:
    path = built.parent / "sources" / "EPIC_100_validation.csv"
    path.write_text(path.read_text().replace("wash plate", "rinse plate"))
    assert main(["verify", str(built)]) == USER_ERROR
    error = error_of(capsys)
    assert "rinse plate" in error
    assert error.endswith("(source files have changed: EPIC_100_validation.csv)")


def test_sources_that_were_moved_are_found_by_an_override(built: Path, capsys: Captured) -> None:
    (built.parent / "sources").rename(built.parent / "moved")
    assert main(["verify", str(built)]) == USER_ERROR
    assert f"annotations folder {built.parent / 'sources'} does not exist" in error_of(capsys)
    assert main(["verify", str(built), f"annotations.folder={built.parent / 'moved'}"]) == 0
    assert capsys.readouterr().out.startswith("equal: 4 samples")


def test_another_seed_makes_another_build(built: Path, capsys: Captured) -> None:
    assert main(["verify", str(built), "sft.seed=1"]) == USER_ERROR
    assert "not equal: validation_mqa.jsonl: sample 'mqa/random/P02_07_" in error_of(capsys)


@pytest.mark.parametrize(
    "words",
    [
        ["sft=all_views", "sft.num_shards=2", "sft.num_workers=1"],
        ["distractors=mixed", "distractors.weights.same_verb=3", "sft=default"],
        ["distractors=text_neighbours", "distractors.fallback=[random]", "distractors.validity.max_similarity=0.99"],
        ["sft=class_keys", "distractors=same_noun", "sft.prior.num_actions=1"],
    ],
)
def test_every_kind_of_build_comes_out_again(tmp_path: Path, capsys: Captured, words: list[str]) -> None:
    folder = build(tmp_path, capsys, *words)
    assert main(["verify", str(folder)]) == 0
    assert capsys.readouterr().out.startswith("equal: ")


def test_candidates_come_out_again(tmp_path: Path, capsys: Captured) -> None:
    ranking = tmp_path / "tim.csv"
    actions = ["0:0", "1:0", "0:1", "2:0", "3:3"]
    rows = [f"P02_07_{row},{action},{rank}" for row in range(4) for rank, action in enumerate(actions, start=1)]
    ranking.write_text("\n".join(["segment_id,action,rank", *rows]))
    words = ["sft=candidates", "sft.num_candidates=4", "sft.num_workers=2", "sft.num_shards=2"]
    folder = build(tmp_path, capsys, *words, "distractors=specialist", f"distractors.validation_file={ranking}")
    assert main(["verify", str(folder), "sft.num_workers=0"]) == 0
    assert capsys.readouterr().out.startswith("equal: 4 samples")
    ranking.write_text(ranking.read_text().replace("P02_07_1,1:0,2", "P02_07_1,3:4,2"))
    assert main(["verify", str(folder)]) == USER_ERROR
    error = error_of(capsys)
    assert "sample 'candidates/specialist/P02_07_1' differs in options[1].action_id" in error
    assert error.endswith(f"(source files have changed: {ranking})")


@pytest.mark.parametrize(
    ("words", "problem"),
    [
        ([], "verify needs one folder, found 0"),
        (["a", "b"], "verify needs one folder, found 2"),
        (["nowhere"], "nowhere/manifest.json: no such file"),
    ],
)
def test_verify_needs_a_built_folder(words: list[str], problem: str, capsys: Captured) -> None:
    assert main(["verify", *words]) == USER_ERROR
    assert problem in error_of(capsys)


def test_a_folder_without_its_config_is_refused(built: Path, capsys: Captured) -> None:
    (built / "config.yaml").unlink()
    assert main(["verify", str(built)]) == USER_ERROR
    assert "config.yaml: no such file; it says from what the samples were built" in error_of(capsys)


@pytest.mark.parametrize(
    ("word", "problem"),
    [
        ("sft.sead=1", "sead"),
        ("a.b=c", "unknown key 'a.b'"),
        ("sft.num_options=many", "'many'"),
        ("sft.num_options=99", "sft.num_options = 99: must be 2 to 26"),
        ("sft.seed=[", "sft.seed=["),
    ],
)
def test_overrides_that_mean_nothing_are_refused(built: Path, word: str, problem: str, capsys: Captured) -> None:
    assert main(["verify", str(built), word]) == USER_ERROR
    assert problem in error_of(capsys)


def test_the_help_shows_the_folder(capsys: Captured) -> None:
    assert main(["verify", "--help"]) == 0
    assert "a folder that `llavaction build-sft` wrote" in capsys.readouterr().out
