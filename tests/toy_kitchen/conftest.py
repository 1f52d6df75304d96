"""A minimal kitchen, written once for all tests of this folder."""

from __future__ import annotations

from pathlib import Path

import pytest

from llavaction.toy_kitchen.scenes import KitchenConfig
from llavaction.toy_kitchen.write import write_kitchen


@pytest.fixture(scope="session")
def tiny_config() -> KitchenConfig:
    return KitchenConfig(
        num_train_participants=2,
        num_validation_participants=1,
        num_videos_per_participant=1,
        num_segments_per_video=7,
    )


@pytest.fixture(scope="session")
def tiny_kitchen(tiny_config: KitchenConfig, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("kitchen")
    write_kitchen(tiny_config, folder)
    return folder


@pytest.fixture(scope="session")
def real_annotations() -> Path:
    repository = Path(__file__).resolve().parents[2]
    folder = repository.parent / "shared" / "data" / "ek100"
    if not folder.is_dir():
        pytest.skip("the real EPIC-KITCHENS-100 annotations are not here")
    return folder
