"""A request to a chat-completions server, with frames by their hashes.

Format: https://platform.openai.com/docs/api-reference/chat/create. In a `ChatRequest` a frame stands by its hash, so
that a request can be identified, estimated and read without its pixels; `ChatRequest.with_frames` puts them in.
"""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from llavaction.api.config import OutputLimit, ServerConfig, Structured
from llavaction.utils.jsonl import dump_line

Message = dict[str, Any]
"""A `role` and its `content`: a text, or a list of parts."""

TEXT_SCHEMA = {"type": "string"}


@dataclass(frozen=True)
class ChatRequest:
    """One request.

    Attributes:
        body: the JSON that is sent, but with the SHA-256 of each frame in the place of its data.
    """

    body: dict[str, Any]

    def key(self, attempt: int) -> str:
        """SHA-256 of all that decides the reply, in hexadecimal; `attempt` counts answers to the same request."""
        return hashlib.sha256(dump_line({"attempt": attempt, "request": self.body}).encode()).hexdigest()

    def with_frames(self, jpegs: Mapping[str, bytes]) -> dict[str, Any]:
        """The JSON to send.

        Args:
            jpegs: frames by their SHA-256.
        """
        messages = [{**message, "content": _with_frames(message["content"], jpegs)} for message in self.messages]
        return {**self.body, "messages": messages}

    @property
    def messages(self) -> list[Message]:
        """What was said so far, the system's words first."""
        messages: list[Message] = self.body["messages"]
        return messages

    @property
    def max_output_tokens(self) -> int:
        """Longest answer that the request allows."""
        return int(next(self.body[name] for name in OutputLimit if name in self.body))


def chat_request(
    config: ServerConfig, messages: Sequence[Message], max_output_tokens: int, response_format: dict[str, Any] | None
) -> ChatRequest:
    """The request that has `messages` answered.

    Args:
        response_format: see `json_format`; None for an answer in plain words.
    """
    body: dict[str, Any] = {
        "model": config.model,
        "messages": list(messages),
        str(config.output_limit): max_output_tokens,
        **config.extra,
    }
    if response_format is not None:
        body["response_format"] = response_format
    return ChatRequest(body)


def text_part(text: str) -> dict[str, Any]:
    """A part of a message's content: words."""
    return {"type": "text", "text": text}


def frame_parts(hashes: Sequence[str]) -> list[dict[str, Any]]:
    """Parts of a message's content: a frame each.

    Args:
        hashes: SHA-256 of each JPEG, in order of time.
    """
    return [{"type": "image_url", "image_url": {"url": digest}} for digest in hashes]


def json_format(structured: Structured, name: str, schema: dict[str, Any]) -> dict[str, Any] | None:
    """How the server is told to answer with JSON of this schema; None where it is not told."""
    if structured is Structured.JSON_SCHEMA:
        return {"type": "json_schema", "json_schema": {"name": name, "strict": True, "schema": schema}}
    return {"type": "json_object"} if structured is Structured.JSON_OBJECT else None


def object_schema(**properties: Any) -> dict[str, Any]:
    """A JSON schema of an object with exactly these fields, as strict mode wants it."""
    return {
        "type": "object",
        "properties": properties,
        "required": list(properties),
        "additionalProperties": False,
    }


def _with_frames(content: Any, jpegs: Mapping[str, bytes]) -> Any:
    if isinstance(content, str):
        return content
    return [_with_data(part, jpegs) if part["type"] == "image_url" else part for part in content]


def _with_data(part: dict[str, Any], jpegs: Mapping[str, bytes]) -> dict[str, Any]:
    data = base64.b64encode(jpegs[part["image_url"]["url"]]).decode("ascii")
    return {**part, "image_url": {**part["image_url"], "url": f"data:image/jpeg;base64,{data}"}}
