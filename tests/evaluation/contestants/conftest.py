"""Built samples of every view, their film, and a server that misbehaves when told."""

import pytest

from tests.api.fixtures import *  # noqa: F403
from tests.evaluation.contestants.worlds import World, build_world


@pytest.fixture(scope="session")
def world(tmp_path_factory: pytest.TempPathFactory) -> World:
    return build_world(tmp_path_factory.mktemp("world"))
