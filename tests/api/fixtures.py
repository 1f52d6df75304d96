"""Fixtures for whoever asks a server: one that misbehaves when told, a film, short waits."""

from __future__ import annotations

import ssl
from collections.abc import Iterator

import pytest

from llavaction.api import client
from llavaction.video.layout import VideoConfig
from tests.api.server import Server, serving
from tests.api.worlds import write_video

__all__ = ["no_certificates", "server", "short_waits", "video"]


@pytest.fixture
def server() -> Iterator[Server]:
    with serving() as server:
        yield server


@pytest.fixture(scope="session")
def video(tmp_path_factory: pytest.TempPathFactory) -> VideoConfig:
    return write_video(tmp_path_factory.mktemp("videos"))


@pytest.fixture(autouse=True)
def no_certificates(monkeypatch: pytest.MonkeyPatch) -> None:
    """The server speaks no TLS, and each client would read all certificates for a tenth of a second."""
    monkeypatch.setattr(ssl.SSLContext, "load_verify_locations", lambda *args, **kwargs: None)


@pytest.fixture
def short_waits(monkeypatch: pytest.MonkeyPatch) -> None:
    """Tries follow one another fast."""
    monkeypatch.setattr(client, "FIRST_WAIT_S", 0.005)
