"""Ten segments of a small film, and everything that is needed to have them annotated."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from llavaction.annotations.segments import Segment
from llavaction.sft.annotator.asker import Asker
from llavaction.sft.annotator.config import AnnotatorConfig, AnnotatorPrompt
from llavaction.sft.annotator.frames import FrameStore
from llavaction.sft.annotator.plan import Plan, choose_segments, make_plan
from llavaction.sft.annotator.records import Reason
from llavaction.sft.annotator.replies import Reply, ReplyCache
from llavaction.video.encoding import write_h264
from llavaction.video.layout import VideoConfig, VideoLayout

KEY = "sk-very-secret-0123456789"
NUM_SEGMENTS = 10
FPS, HEIGHT, WIDTH = 5, 64, 96

PROMPT = AnnotatorPrompt(
    name="test",
    version=7,
    system="Be {honest}.",
    caption="Describe {narration}",
    caption_format='As {"agrees": ..., "caption": ...}',
    qa="Ask about {narration} in {caption}",
    qa_format='As {"pairs": ...}',
)


def make_config(folder: Path, base_url: str = "http://127.0.0.1:9/v1", **fields: Any) -> AnnotatorConfig:
    """A config whose cache lies in `folder`."""
    options = {"prompt": PROMPT, "cache": str(folder / "cache"), "concurrency": 4, "requests_per_minute": None}
    return AnnotatorConfig(base_url=base_url, model="tiny-vlm", **{**options, **fields})


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


def open_run(config: AnnotatorConfig, video: VideoConfig, segments: list[Segment] = SEGMENTS) -> tuple[Plan, Asker]:
    """A plan and the asker that carries it out."""
    frames, cache = FrameStore(config, video), ReplyCache(Path(config.cache))
    plan = make_plan(choose_segments(segments, config.limit, config.seed), config, frames, cache)
    return plan, Asker(config, plan, frames, cache)


def run(config: AnnotatorConfig, video: VideoConfig, segments: list[Segment] = SEGMENTS) -> Asker:
    """Carry a plan out."""
    _, asker = open_run(config, video, segments)
    asker.run(KEY)
    return asker


def reply(content: str | None, **fields: Any) -> Reply:
    """A reply with this answer."""
    return Reply(content, finish_reason=fields.pop("finish_reason", "stop"), **fields)


def reasons(asker: Asker) -> dict[str, Reason]:
    """Why segments failed, by the number in their ids."""
    return {
        outcome.segment_id.rpartition("_")[2]: outcome.reason
        for outcome in asker.outcomes
        if hasattr(outcome, "reason")
    }


def _frames(count: int) -> Iterator[np.ndarray]:
    ramp = np.linspace(0, 120, WIDTH)[None, :, None]
    for number in range(count):
        yield np.broadcast_to(ramp + number % 120, (HEIGHT, WIDTH, 3)).astype(np.uint8)
