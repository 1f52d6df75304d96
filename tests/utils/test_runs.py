from __future__ import annotations

import json
import platform
import subprocess
import sys
from importlib import metadata
from pathlib import Path

import pytest

from llavaction.utils import runs
from llavaction.utils.runs import extend_record, git_commit, package_versions, record_run


def test_the_record_holds_what_made_the_result(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "argv", ["llavaction", "sft.seed=3"])
    monkeypatch.setattr(runs, "git_commit", lambda: "0123abc-dirty")
    record_run(tmp_path / "run", "build-sft", "sft:\n  seed: 3\n", {"train.csv": "aa"}, steps=7)
    assert (tmp_path / "run" / "config.yaml").read_text() == "sft:\n  seed: 3\n"
    assert json.loads((tmp_path / "run" / "run.json").read_text()) == {
        "command": "build-sft",
        "arguments": ["sft.seed=3"],
        "git_commit": "0123abc-dirty",
        "versions": package_versions(),
        "data_sha256": {"train.csv": "aa"},
        "steps": 7,
    }
    assert sorted(path.name for path in (tmp_path / "run").iterdir()) == ["config.yaml", "run.json"]


def test_what_is_known_later_is_added_to_a_record(tmp_path: Path) -> None:
    extend_record(tmp_path, num_steps=7)
    assert not list(tmp_path.iterdir())
    record_run(tmp_path, "train", "", {})
    before = json.loads((tmp_path / "run.json").read_text())
    extend_record(tmp_path, num_steps=7)
    assert json.loads((tmp_path / "run.json").read_text()) == {**before, "num_steps": 7}


def test_versions_of_python_and_installed_packages() -> None:
    versions = package_versions()
    assert versions["python"] == platform.python_version()
    assert versions["numpy"] == metadata.version("numpy")


def test_packages_that_are_not_installed_are_left_out(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(runs, "_PACKAGES", ("no-such-package", "numpy"))
    assert package_versions().keys() == {"python", "numpy"}


def git(folder: Path, *arguments: str) -> str:
    identity = ["-c", "user.name=a", "-c", "user.email=a@b", "-c", "commit.gpgsign=false"]
    command = ["git", *identity, *arguments]
    return subprocess.run(command, cwd=folder, capture_output=True, text=True, check=True).stdout.strip()


def test_the_commit_says_when_files_differ_from_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = tmp_path / "llavaction" / "utils" / "runs.py"
    file.parent.mkdir(parents=True)
    file.write_text("one")
    git(tmp_path, "init", "--quiet")
    git(tmp_path, "add", ".")
    git(tmp_path, "commit", "--quiet", "-m", "one")
    git(tmp_path, "tag", "-a", "v1", "-m", "a tag must not replace the commit")
    monkeypatch.setattr(runs, "__file__", str(file))
    commit = git(tmp_path, "rev-parse", "HEAD")
    assert git_commit() == commit
    file.write_text("two")
    assert git_commit() == f"{commit}-dirty"


def test_no_commit_outside_a_checkout(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    # As a package installed into an environment that lies in somebody's checkout of something else.
    git(tmp_path, "init", "--quiet")
    monkeypatch.setattr(runs, "__file__", str(tmp_path / "venv" / "site" / "llavaction" / "utils" / "runs.py"))
    assert git_commit() is None


def test_no_commit_without_git(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "")
    assert git_commit() is None
