"""The two questions about a segment, as requests to a chat-completions server.

Format: https://platform.openai.com/docs/api-reference/chat/create. In a `Question` a frame stands by its hash, so
that a request can be identified, estimated and read without its pixels; `Question.request` puts them in.
"""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from llavaction.annotations.segments import Segment
from llavaction.sft.annotator.config import AnnotatorConfig, Structured
from llavaction.utils.jsonl import dump_line

_TEXT = {"type": "string"}


def _object(**properties: Any) -> dict[str, Any]:
    """A JSON schema of an object with exactly these fields, as strict mode wants it."""
    return {
        "type": "object",
        "properties": properties,
        "required": list(properties),
        "additionalProperties": False,
    }


CAPTION_SCHEMA = _object(agrees={"type": "boolean"}, caption=_TEXT)
# Strict mode does not know minItems everywhere: the number of pairs is checked by our parser.
PAIRS_SCHEMA = _object(pairs={"type": "array", "items": _object(question=_TEXT, answer=_TEXT)})


@dataclass(frozen=True)
class Question:
    """One request.

    Attributes:
        body: the JSON that is sent, but with the SHA-256 of each frame in the place of its data.
    """

    body: dict[str, Any]

    def key(self, attempt: int) -> str:
        """SHA-256 of all that decides the reply, in hexadecimal; `attempt` counts answers to the same request."""
        return hashlib.sha256(dump_line({"attempt": attempt, "request": self.body}).encode()).hexdigest()

    def request(self, jpegs: Mapping[str, bytes]) -> dict[str, Any]:
        """The JSON to send.

        Args:
            jpegs: frames by their SHA-256.
        """
        messages = [{**message, "content": _with_frames(message["content"], jpegs)} for message in self.messages]
        return {**self.body, "messages": messages}

    @property
    def messages(self) -> list[dict[str, Any]]:
        """System and user message."""
        messages: list[dict[str, Any]] = self.body["messages"]
        return messages


def ask_caption(config: AnnotatorConfig, segment: Segment, frames: Sequence[str]) -> Question:
    """Ask what the clip shows, and whether its label is right.

    Args:
        frames: SHA-256 of each JPEG, in order of time.
    """
    prompt = config.prompt
    text = f"{prompt.caption.format(narration=segment.narration)}\n\n{prompt.caption_format}"
    images = [{"type": "image_url", "image_url": {"url": digest}} for digest in frames]
    return _question(config, [*images, {"type": "text", "text": text}], "caption", CAPTION_SCHEMA)


def ask_pairs(config: AnnotatorConfig, segment: Segment, caption: str) -> Question:
    """Ask for question-answer pairs about a caption; no frames are shown."""
    prompt = config.prompt
    text = f"{prompt.qa.format(narration=segment.narration, caption=caption)}\n\n{prompt.qa_format}"
    return _question(config, text, "pairs", PAIRS_SCHEMA)


def _question(config: AnnotatorConfig, content: Any, name: str, schema: dict[str, Any]) -> Question:
    body: dict[str, Any] = {
        "model": config.model,
        "messages": [{"role": "system", "content": config.prompt.system}, {"role": "user", "content": content}],
        str(config.output_limit): config.max_output_tokens,
        **config.extra,
    }
    if config.structured is Structured.JSON_SCHEMA:
        form = {"name": name, "strict": True, "schema": schema}
        body["response_format"] = {"type": "json_schema", "json_schema": form}
    elif config.structured is Structured.JSON_OBJECT:
        body["response_format"] = {"type": "json_object"}
    return Question(body)


def _with_frames(content: Any, jpegs: Mapping[str, bytes]) -> Any:
    if isinstance(content, str):
        return content
    return [_with_data(part, jpegs) if part["type"] == "image_url" else part for part in content]


def _with_data(part: dict[str, Any], jpegs: Mapping[str, bytes]) -> dict[str, Any]:
    data = base64.b64encode(jpegs[part["image_url"]["url"]]).decode("ascii")
    return {**part, "image_url": {**part["image_url"], "url": f"data:image/jpeg;base64,{data}"}}
