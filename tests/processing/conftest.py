"""A folder of real files, small ones, and samples of every kind that show them."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from llavaction.sft.samples import (
    MEDIA_MARK,
    ActionLabel,
    ClipRef,
    MediaKind,
    MediaRef,
    Role,
    Sample,
    Turn,
    View,
)
from llavaction.video.encoding import write_h264


def noise(seed: int, *shape: int) -> np.ndarray:
    """Pictures that differ from each other everywhere."""
    return np.random.default_rng(seed).integers(0, 256, shape, dtype=np.uint8)


@pytest.fixture(scope="session")
def media(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two pictures and a video to be shown whole, of different sizes, and `P01_01.MP4` to cut clips from."""
    from PIL import Image

    folder = tmp_path_factory.mktemp("media")
    (folder / "pictures").mkdir()
    Image.fromarray(noise(1, 20, 30, 3)).save(folder / "pictures" / "one.jpg")
    Image.fromarray(noise(2, 16, 9, 3)).save(folder / "pictures" / "two.png")
    write_h264(folder / "whole.mp4", noise(3, 7, 24, 32, 3), 7)
    write_h264(folder / "P01_01.MP4", noise(4, 20, 32, 48, 3), 10)
    return folder


def replay(name: str, text: str, *paths: str) -> Sample:
    """A replayed conversation; `@` in the text is a place for a medium."""
    turns = (
        Turn(Role.USER, text.replace("@", MEDIA_MARK)),
        Turn(Role.ASSISTANT, "open small bottle"),
        Turn(Role.USER, "And then?"),
        Turn(Role.ASSISTANT, "take cup"),
    )
    kinds = [MediaKind.VIDEO if path.endswith(".mp4") else MediaKind.IMAGE for path in paths]
    files = tuple(MediaRef(kind, path) for kind, path in zip(kinds, paths, strict=True))
    return Sample(f"replay/mix/{name}", View.REPLAY, None, None, turns, media=files)


@pytest.fixture(scope="session")
def mixed() -> list[Sample]:
    """Two clips (one without label), a video, a picture, several of both, and text alone."""
    turns = (Turn(Role.USER, "What am I doing?"), Turn(Role.ASSISTANT, "take cup"))
    return [
        Sample("direct/a", View.DIRECT, "a", ClipRef("P01_01", 0.0, 1.5), turns, ActionLabel(1, 2, 3)),
        Sample("direct/b", View.DIRECT, "b", ClipRef("P01_01", 1.0, 2.0), turns),
        replay("video", "What happens?", "whole.mp4"),
        replay("picture", "What is it?", "pictures/one.jpg"),
        replay("several", "Is @ like @?", "pictures/one.jpg", "pictures/two.png"),
        replay("both", "First @\nthen @.", "pictures/two.png", "whole.mp4"),
        replay("text", "Write a poem."),
    ]
