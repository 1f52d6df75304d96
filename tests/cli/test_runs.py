"""`llavaction runs`, from words to standard output."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import yaml

from llavaction.cli.main import USER_ERROR, main
from tests.reports.runs.folders import write_training

Captured = pytest.CaptureFixture[str]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder with one run and one folder that is none; its name needs care."""
    folder = tmp_path / "my runs, 2"
    write_training(folder / "train" / "a", [2.0, 1.5])
    (folder / "videos").mkdir()
    return folder


def test_a_table_and_what_is_left_out_of_it(folder: Path, capsys: Captured) -> None:
    assert main(["runs", str(folder)]) == 0
    printed = capsys.readouterr().out

    assert "train/a" in printed
    assert "2 of 10" in printed
    assert "videos: none: no run in it" in printed


def test_formats(folder: Path, capsys: Captured) -> None:
    assert main(["runs", str(folder), "format=json"]) == 0
    run, other = json.loads(capsys.readouterr().out)
    assert (run["name"], run["losses"]["loss"], other["problem"]) == ("train/a", 1.5, "no run in it")

    assert main(["runs", f"folder='{folder}'", "format=csv"]) == 0
    assert capsys.readouterr().out.splitlines()[0].startswith("name,state,command,")


def test_the_folder_is_seen_in_the_configuration_too(folder: Path, capsys: Captured) -> None:
    assert main(["runs", str(folder), "sort=loss", "--config"]) == 0
    shown = yaml.safe_load(capsys.readouterr().out)
    assert (shown["folder"], shown["sort"]) == (str(folder), "loss")


def test_mistakes(tmp_path: Path, capsys: Captured) -> None:
    assert main(["runs", str(tmp_path / "nothing")]) == USER_ERROR
    assert "no such folder" in capsys.readouterr().err
    assert main(["runs", "a", "b"]) == USER_ERROR
    assert "runs takes one folder, found 2" in capsys.readouterr().err
