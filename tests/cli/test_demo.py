"""The demo's kitchen on its own, as reports ask for it."""

from __future__ import annotations

from pathlib import Path

import pytest

from llavaction.cli.demo import main
from llavaction.utils.errors import ConfigError

pytestmark = pytest.mark.thorough

SMALL = ["num_train_participants=1", "num_validation_participants=1", "num_videos_per_participant=1"]
SMALL += ["num_segments_per_video=4", "fps=6"]


def write(folder: Path, *words: str) -> None:
    main([f"output={folder}", "kitchen_only=true", "num_workers=1", *(f"kitchen.{word}" for word in [*SMALL, *words])])


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("demo")
    write(folder)
    return folder


def test_the_kitchen_is_written_and_nothing_else(folder: Path) -> None:
    assert {path.name for path in folder.iterdir()} == {"kitchen", "log.txt"}
    assert {path.name for path in (folder / "kitchen" / "specialists").iterdir()} == {
        f"{name}_specialist_{split}.json" for name in ("toy", "second") for split in ("train", "validation")
    }


def test_a_kitchen_from_before_the_second_specialist_gets_it(folder: Path) -> None:
    specialists = folder / "kitchen" / "specialists"
    before = {path.name: path.read_bytes() for path in specialists.iterdir()}
    films = {path: path.stat().st_mtime_ns for path in folder.rglob("*.MP4") if path.is_file()}
    for path in specialists.glob("second_*"):
        path.unlink()
    write(folder)

    assert {path.name: path.read_bytes() for path in specialists.iterdir()} == before
    assert {path: path.stat().st_mtime_ns for path in folder.rglob("*.MP4") if path.is_file()} == films


def test_another_kitchen_is_refused(folder: Path) -> None:
    with pytest.raises(
        ConfigError, match=r"kitchen\.json is of another kitchen; .* paths\.output=FOLDER where a report"
    ):
        write(folder, "seed=1")
