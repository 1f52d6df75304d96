"""A small film of ten segments, and the settings of a server to ask about it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, ClassVar

import numpy as np

from llavaction.annotations.segments import Segment
from llavaction.api.config import VisionServerConfig
from llavaction.api.replies import Reply
from llavaction.video.encoding import write_h264
from llavaction.video.layout import VideoConfig, VideoLayout

KEY = "sk-very-secret-0123456789"
NUM_SEGMENTS = 10
FPS, HEIGHT, WIDTH = 5, 64, 96
DEFAULTS = {"concurrency": 4, "requests_per_minute": None}


@dataclass(kw_only=True)
class EyeConfig(VisionServerConfig):
    """A config with nothing of its own."""

    SECTION: ClassVar[str] = "eye"
    num_frames: int = 4


def make_config(folder: Path, base_url: str = "http://127.0.0.1:9/v1", **fields: Any) -> EyeConfig:
    """A config whose cache lies in `folder`."""
    return EyeConfig(base_url=base_url, model="tiny-vlm", cache=str(folder / "cache"), **{**DEFAULTS, **fields})


def make_segment(number: int, **fields: Any) -> Segment:
    """Segment number `number`: two seconds each, one after the other."""
    segment = Segment(
        segment_id=f"P01_01_{number}",
        participant_id="P01",
        video_id="P01_01",
        start_s=2.0 * number,
        stop_s=2.0 * number + 2,
        narration=f"take plate {number}",
        verb="take",
        noun="plate",
        verb_id=0,
        noun_id=0,
    )
    return replace(segment, **fields)


SEGMENTS = [make_segment(number) for number in range(NUM_SEGMENTS)]


def write_video(folder: Path, seconds: float = 2.0 * NUM_SEGMENTS, video_id: str = "P01_01") -> VideoConfig:
    """Write a film that changes from frame to frame, and return where it lies."""
    path = folder / video_id.split("_", 1)[0] / f"{video_id}.MP4"
    write_h264(path, _frames(round(seconds * FPS)), FPS)
    return VideoConfig(str(folder), layout=VideoLayout.WHOLE)


def reply(content: str | None, **fields: Any) -> Reply:
    """A reply with this answer."""
    return Reply(content, finish_reason=fields.pop("finish_reason", "stop"), **fields)


def _frames(count: int) -> Iterator[np.ndarray]:
    ramp = np.linspace(0, 120, WIDTH)[None, :, None]
    for number in range(count):
        yield np.broadcast_to(ramp + number % 120, (HEIGHT, WIDTH, 3)).astype(np.uint8)
