"""Everything that is needed to have the segments of a small film annotated."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from llavaction.annotations.segments import Segment
from llavaction.api.frames import FrameStore
from llavaction.api.reasons import Reason
from llavaction.api.replies import ReplyCache
from llavaction.sft.annotator.asker import Asker
from llavaction.sft.annotator.config import AnnotatorConfig, AnnotatorPrompt
from llavaction.sft.annotator.plan import Plan, choose_segments, make_plan
from llavaction.sft.annotator.records import SegmentReason
from llavaction.video.layout import VideoConfig
from tests.api.worlds import DEFAULTS, KEY, SEGMENTS

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
    options = {**DEFAULTS, "prompt": PROMPT, "cache": str(folder / "cache")}
    return AnnotatorConfig(base_url=base_url, model="tiny-vlm", **{**options, **fields})


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


def reasons(asker: Asker) -> dict[str, Reason | SegmentReason]:
    """Why segments failed, by the number in their ids."""
    return {
        outcome.segment_id.rpartition("_")[2]: outcome.reason
        for outcome in asker.outcomes
        if hasattr(outcome, "reason")
    }
