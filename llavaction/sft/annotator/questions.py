"""The two questions about a segment, as requests to a chat-completions server."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from llavaction.annotations.segments import Segment
from llavaction.api.requests import (
    TEXT_SCHEMA,
    ChatRequest,
    chat_request,
    frame_parts,
    json_format,
    object_schema,
    text_part,
)
from llavaction.sft.annotator.config import AnnotatorConfig

CAPTION_SCHEMA = object_schema(agrees={"type": "boolean"}, caption=TEXT_SCHEMA)
# Strict mode does not know minItems everywhere: the number of pairs is checked by our parser.
PAIRS_SCHEMA = object_schema(pairs={"type": "array", "items": object_schema(question=TEXT_SCHEMA, answer=TEXT_SCHEMA)})


def ask_caption(config: AnnotatorConfig, segment: Segment, frames: Sequence[str]) -> ChatRequest:
    """Ask what the clip shows, and whether its label is right.

    Args:
        frames: SHA-256 of each JPEG, in order of time.
    """
    prompt = config.prompt
    text = f"{prompt.caption.format(narration=segment.narration)}\n\n{prompt.caption_format}"
    return _request(config, [*frame_parts(frames), text_part(text)], "caption", CAPTION_SCHEMA)


def ask_pairs(config: AnnotatorConfig, segment: Segment, caption: str) -> ChatRequest:
    """Ask for question-answer pairs about a caption; no frames are shown."""
    prompt = config.prompt
    text = f"{prompt.qa.format(narration=segment.narration, caption=caption)}\n\n{prompt.qa_format}"
    return _request(config, text, "pairs", PAIRS_SCHEMA)


def _request(config: AnnotatorConfig, content: Any, name: str, schema: dict[str, Any]) -> ChatRequest:
    messages = [{"role": "system", "content": config.prompt.system}, {"role": "user", "content": content}]
    form = json_format(config.structured, name, schema)
    return chat_request(config, messages, config.max_output_tokens, form)
