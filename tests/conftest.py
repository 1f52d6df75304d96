"""Fixtures for all tests: the real annotations, where they are at hand."""

from __future__ import annotations

from pathlib import Path

import pytest

from llavaction.annotations.epic_kitchens import Annotations, AnnotationsConfig, load_annotations

REPO_ROOT = Path(__file__).resolve().parents[1]


@pytest.fixture(scope="session")
def shared() -> Path:
    """Folder beside the checkout with real data that is not part of the project."""
    folder = REPO_ROOT.parent / "shared"
    if not folder.is_dir():
        pytest.skip("../shared is not here")
    return folder


@pytest.fixture(scope="session")
def ek100(shared: Path) -> Annotations:
    """The real annotations: all of validation, and those 29,023 rows of train that the folder holds."""
    folder = shared / "data" / "ek100"
    return load_annotations(AnnotationsConfig(folder=str(folder), train_file="EPIC_100_train_part.csv"))
