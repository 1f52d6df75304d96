from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from llavaction.annotations.epic_kitchens import Split, load_annotations
from llavaction.sft.build import SftConfig, build_sft
from llavaction.sft.classes import ClassTable
from llavaction.sft.distractors import DistractorsConfig, StrategyName
from llavaction.sft.samples import View, read_samples
from llavaction.utils.errors import ConfigError
from llavaction.utils.hashing import content_sha256, file_sha256
from llavaction.utils.jsonl import read_json
from tests.annotations.ek100_files import write_ek100
from tests.conftest import REPO_ROOT
from tests.sft.small_build import build_small
from tests.sft.worlds import PROMPTS

FILES = {"train_mqa.jsonl": 10, "train_direct.jsonl": 10, "validation_mqa.jsonl": 4, "validation_direct.jsonl": 4}


def test_the_files_of_a_build(tmp_path: Path) -> None:
    annotations, manifest = build_small(tmp_path, "random")
    assert {path.name for path in (tmp_path / "sft").iterdir()} == {*FILES, "classes.json", "manifest.json"}
    assert read_json(tmp_path / "sft" / "manifest.json") == manifest
    ClassTable.load(tmp_path / "sft").check_same(ClassTable.from_annotations(annotations), "written", "expected")
    for name, count in FILES.items():
        split, view = name.removesuffix(".jsonl").split("_")
        samples = read_samples(tmp_path / "sft" / name)
        assert len(samples) == count
        assert [sample.segment_id for sample in samples] == [s.segment_id for s in annotations.split(Split(split))]
        assert {sample.view for sample in samples} == {View(view)}


def test_the_manifest_counts_and_hashes_its_files(tmp_path: Path) -> None:
    _, manifest = build_small(tmp_path, "random")
    assert {name: entry["samples"] for name, entry in manifest["files"].items()} == FILES
    for name, entry in manifest["files"].items():
        lines = (tmp_path / "sft" / name).read_text(encoding="utf-8").splitlines()
        assert entry["content_sha256"] == content_sha256(lines)
    assert len({entry["content_sha256"] for entry in manifest["files"].values()}) == len(FILES)


def test_the_manifest_says_what_it_was_made_from(tmp_path: Path) -> None:
    annotations, manifest = build_small(tmp_path, "specialist", seed=3)
    assert manifest["seed"] == 3
    assert manifest["distractors"] == "specialist"
    assert manifest["num_options"] == 3
    assert manifest["prompts"] == {"name": "test", "version": 1}
    assert manifest["classes"] == {"verbs": 4, "nouns": 5, "actions": 10}
    predictions = [tmp_path / "tim_train.json", tmp_path / "tim_validation.json"]
    assert manifest["sources"] == {**annotations.hashes, **{str(path): file_sha256(path) for path in predictions}}


def test_only_what_is_asked_for_is_built(tmp_path: Path) -> None:
    _, manifest = build_small(tmp_path, "random", splits=[Split.VALIDATION], views=[View.DIRECT])
    assert list(manifest["files"]) == ["validation_direct.jsonl"]
    assert sorted(path.name for path in (tmp_path / "sft").iterdir()) == [
        "classes.json", "manifest.json", "validation_direct.jsonl",
    ]  # fmt: skip


def test_direct_prediction_needs_no_specialist(tmp_path: Path) -> None:
    annotations = load_annotations(write_ek100(tmp_path))
    sft = SftConfig(views=[View.DIRECT])
    manifest = build_sft(annotations, sft, DistractorsConfig(StrategyName.SPECIALIST), PROMPTS, tmp_path / "sft")
    assert len(manifest["files"]) == 2


def test_a_missing_prediction_file_stops_the_build(tmp_path: Path) -> None:
    annotations = load_annotations(write_ek100(tmp_path))
    with pytest.raises(ConfigError, match=r"distractors\.train_file=FILE, or leave the split out with sft\.splits"):
        build_sft(annotations, SftConfig(), DistractorsConfig(StrategyName.SPECIALIST), PROMPTS, tmp_path / "sft")


def test_training_and_evaluation_use_their_own_rule(tmp_path: Path) -> None:
    annotations, _ = build_small(tmp_path, "specialist")
    key = annotations.vocabulary.action_id_of_key
    beyond: dict[Split, int] = {}
    for split in Split:
        entries = read_json(tmp_path / f"tim_{split}.json")
        beyond[split] = 0
        for row, sample in enumerate(read_samples(tmp_path / "sft" / f"{split}_mqa.jsonl")):
            truth = sample.options[sample.answer_idx or 0].action_id
            ranked = [key(name) for name in entries[str(row)]["predictions"] if key(name) != truth]
            beyond[split] += {option.action_id for option in sample.options} - {truth} != set(ranked[:2])
    assert beyond[Split.VALIDATION] == 0
    assert beyond[Split.TRAIN] > 0


def test_progress_is_told_at_the_end_of_each_file(tmp_path: Path) -> None:
    annotations = load_annotations(write_ek100(tmp_path))
    calls: list[tuple[str, int, int]] = []
    sft, folder = SftConfig(num_options=2), tmp_path / "sft"
    build_sft(annotations, sft, DistractorsConfig(), PROMPTS, folder, lambda *call: calls.append(call))
    assert calls == [
        ("train_mqa", 10, 10),
        ("train_direct", 10, 10),
        ("validation_mqa", 4, 4),
        ("validation_direct", 4, 4),
    ]


def test_the_seed_changes_the_questions_only(tmp_path: Path) -> None:
    first, second = (
        {
            name: entry["content_sha256"]
            for name, entry in build_small(tmp_path, "random", seed=seed)[1]["files"].items()
        }
        for seed in (0, 1)
    )
    assert {name for name in FILES if first[name] != second[name]} == {"train_mqa.jsonl", "validation_mqa.jsonl"}


BUILD_ELSEWHERE = """
import json, sys
from pathlib import Path
from tests.sft.small_build import build_small
files = {name: build_small(Path(sys.argv[1]), name)[1]["files"] for name in ("random", "specialist")}
assert "torch" not in sys.modules, "building samples must not need torch"
sys.stdout.write(json.dumps(files))
"""


@pytest.mark.parametrize("hash_seed", ["0", "1"])
def test_other_processes_build_the_same(tmp_path: Path, hash_seed: str) -> None:
    result = subprocess.run(
        [sys.executable, "-c", BUILD_ELSEWHERE, str(tmp_path)],
        cwd=REPO_ROOT,
        env={**os.environ, "PYTHONHASHSEED": hash_seed},
        capture_output=True,
        text=True,
        check=False,
    )
    assert result.returncode == 0, result.stderr
    assert json.loads(result.stdout) == {
        name: build_small(tmp_path, name)[1]["files"] for name in ("random", "specialist")
    }


@pytest.mark.parametrize(
    ("options", "problem"),
    [
        ({"num_options": 1}, r"sft\.num_options = 1: must be 2 to 26"),
        ({"num_options": 27}, r"sft\.num_options = 27: must be 2 to 26"),
        ({"splits": []}, r"sft\.splits = \[\]: must name at least one"),
        ({"views": [View.MQA, View.MQA]}, r"sft\.views = \['mqa', 'mqa'\]: must name at least one, none twice"),
    ],
)
def test_options_that_cannot_be_built_are_refused(options: dict[str, Any], problem: str) -> None:
    with pytest.raises(ConfigError, match=problem):
        SftConfig(**options)


@pytest.mark.parametrize("num_options", [2, 26])
def test_as_many_options_as_letters(num_options: int) -> None:
    assert SftConfig(num_options=num_options).num_options == num_options
