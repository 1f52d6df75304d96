"""The same samples from the same data: whatever the order of rows, the processes, the files, the Python."""

from __future__ import annotations

import json
import multiprocessing
import os
import random
import subprocess
import sys
from multiprocessing.context import BaseContext
from pathlib import Path
from typing import Any

import pytest

from llavaction.annotations.epic_kitchens import Split
from llavaction.sft import build
from llavaction.sft.distractors import StrategyName
from llavaction.sft.prior_actions import PriorConfig
from llavaction.sft.replay import ReplayConfig
from llavaction.sft.samples import View
from llavaction.sft.verify import first_difference
from llavaction.utils.errors import DataError
from tests.annotations.ek100_files import csv_path
from tests.conftest import REPO_ROOT
from tests.sft.small_build import build_again, build_small, write_clip_annotations, write_conversations

pytestmark = pytest.mark.thorough

CONTENT = {
    "random": "e40f4ae7457c2e80f68fa2024de48762a679a117c1f8810567eac360e245d89c",
    "specialist": "13cb5f3a4269cc2897d12c1771b5f56b9e47ac432b9d91686d1d1df58a251172",
    "text_neighbours": "1190d1151f05882d871692f4d47fae12402d3f34dba34c1623a66c6c12372ec7",
}
"""Content hashes of `build_all` on every Python from 3.10 and every NumPy. A change of the method changes them."""
CANDIDATES_CONTENT = "7d1fa61b6e05603e7fdf7b5cbafd395c4f5dd6806698e34deb35db9ca1b06a54"
"""The one of `build_candidates`."""


def build_all(folder: Path, strategy: str, **options: Any) -> dict[str, Any]:
    """The manifest of a build of all views that training has, from what lies in `folder`."""
    (folder / "words").mkdir(exist_ok=True)
    annotated = write_clip_annotations(folder / "words", "P01_01_1", "P01_01_4", "P02_07_0")
    replay = ReplayConfig(write_conversations(folder / "words"), limit=2)
    sources = {"clip_annotations": [annotated], "replay": replay, "prior": PriorConfig(train_share=0.5)}
    make = build_again if csv_path(folder, "train").is_file() else build_small
    views = [view for view in View if view is not View.CANDIDATES]
    _, manifest = make(folder, strategy, **{"views": views, **sources, **options})
    return manifest


def build_candidates(folder: Path, **options: Any) -> dict[str, Any]:
    """The manifest of a build of candidates, from what lies in `folder`."""
    make = build_again if csv_path(folder, "train").is_file() else build_small
    views, splits = [View.MQA, View.CANDIDATES], [Split.VALIDATION]
    return make(folder, "specialist", views=views, splits=splits, num_candidates=5, **options)[1]


@pytest.mark.parametrize("strategy", CONTENT)
def test_the_known_content(tmp_path: Path, strategy: str) -> None:
    assert build_all(tmp_path, strategy)["content_sha256"] == CONTENT[strategy]


def shuffle_rows(folder: Path) -> None:
    """Other row orders; a public prediction file is written for the rows as they stand."""
    for stem in ("train", "validation"):
        head, *rows = csv_path(folder, stem).read_text(encoding="utf-8").splitlines()
        random.Random(stem).shuffle(rows)
        csv_path(folder, stem).write_text("\n".join([head, *rows]) + "\n", encoding="utf-8")


@pytest.mark.parametrize("strategy", CONTENT)
def test_the_order_of_rows_does_not_matter(tmp_path: Path, strategy: str) -> None:
    build_all(tmp_path, strategy)
    files = {path.name: path.read_bytes() for path in (tmp_path / "sft").glob("*.jsonl")}
    before = (tmp_path / "EPIC_100_train.csv").read_text()
    shuffle_rows(tmp_path)
    assert (tmp_path / "EPIC_100_train.csv").read_text() != before
    manifest = build_all(tmp_path, strategy)
    assert manifest["content_sha256"] == CONTENT[strategy]
    assert {path.name: path.read_bytes() for path in (tmp_path / "sft").glob("*.jsonl")} == files


@pytest.mark.parametrize("strategy", [name for name in StrategyName if name not in (*CONTENT, "self_mined", "mixed")])
def test_the_order_of_rows_does_not_matter_to_other_strategies(tmp_path: Path, strategy: str) -> None:
    first = build_small(tmp_path, strategy)[1]["files"]
    shuffle_rows(tmp_path)
    assert build_again(tmp_path, strategy)[1]["files"] == first


@pytest.mark.parametrize("num_workers", [0, 2])
@pytest.mark.parametrize("num_shards", [1, 3])
def test_neither_workers_nor_shards_matter(
    tmp_path: Path, num_workers: int, num_shards: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    # More than one block for each worker.
    monkeypatch.setattr(build, "_BLOCK", 3)
    manifest = build_all(tmp_path, "specialist", num_workers=num_workers, num_shards=num_shards)
    assert manifest["content_sha256"] == CONTENT["specialist"]
    monkeypatch.undo()
    assert build_all(tmp_path, "specialist")["files"] == manifest["files"]


@pytest.mark.parametrize(("num_workers", "num_shards"), [(0, 1), (0, 3), (2, 1), (2, 3)])
def test_candidates_are_the_same_too(
    tmp_path: Path, num_workers: int, num_shards: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(build, "_BLOCK", 1)
    manifest = build_candidates(tmp_path, num_workers=num_workers, num_shards=num_shards)
    assert manifest["content_sha256"] == CANDIDATES_CONTENT
    assert manifest["files"]["validation_candidates.jsonl"]["truth_within"].keys() == {"1", "5"}
    assert len(list((tmp_path / "sft").glob("validation_candidates*.jsonl"))) == num_shards
    (tmp_path / "sft").rename(tmp_path / "first")
    shuffle_rows(tmp_path)
    monkeypatch.undo()
    assert build_candidates(tmp_path)["files"] == manifest["files"]
    assert first_difference(tmp_path / "first", tmp_path / "sft") is None


def test_where_processes_cannot_be_forked_they_are_spawned(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    methods: list[str] = []

    def get_context(method: str) -> BaseContext:
        methods.append(method)
        return multiprocessing.get_context(method)

    monkeypatch.setattr(build, "get_all_start_methods", lambda: ["spawn"])
    monkeypatch.setattr(build, "get_context", get_context)
    options: dict[str, Any] = {"splits": [Split.VALIDATION], "views": [View.TEMPORAL_ORDER]}
    spawned = build_small(tmp_path, "specialist", num_workers=1, **options)[1]
    assert methods == ["spawn"]
    assert build_again(tmp_path, "specialist", **options)[1]["files"] == spawned["files"]


def test_an_error_in_a_worker_names_the_segment(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"segment 'P0[12]_.*': random, same_noun give 9 distractors, 25 are needed"):
        build_small(tmp_path, "random", num_workers=2, num_options=26)


def test_the_seed_changes_the_questions_only(tmp_path: Path) -> None:
    first, second = (build_all(tmp_path, "random", seed=seed)["files"] for seed in (0, 1))
    changed = {name for name in first if first[name]["content_sha256"] != second[name]["content_sha256"]}
    views = {name.removesuffix(".jsonl").split("_", 1)[1] for name in changed}
    assert views - {"replay"} == {"mqa", "temporal_order", "temporal_detection"}


ELSEWHERE = """
import json, sys
from pathlib import Path
from tests.sft.test_same_build import CONTENT, build_all, build_candidates
found = {name: build_all(Path(sys.argv[1]), name)["content_sha256"] for name in CONTENT}
found["candidates"] = build_candidates(Path(sys.argv[1]))["content_sha256"]
assert "torch" not in sys.modules, "building samples must not need torch"
sys.stdout.write(json.dumps(found))
"""


@pytest.mark.parametrize("hash_seed", ["0", "1"])
def test_other_processes_build_the_same(tmp_path: Path, hash_seed: str) -> None:
    result = subprocess.run(
        [sys.executable, "-c", ELSEWHERE, str(tmp_path)],
        cwd=REPO_ROOT,
        env={**os.environ, "PYTHONHASHSEED": hash_seed},
        capture_output=True,
        text=True,
        check=False,
    )
    assert result.returncode == 0, result.stderr
    assert json.loads(result.stdout) == {**CONTENT, "candidates": CANDIDATES_CONTENT}
