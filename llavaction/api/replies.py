"""A server's reply, typed and checked, and the folder that keeps every one."""

from __future__ import annotations

import json
import os
import uuid
from collections.abc import Callable
from dataclasses import asdict, dataclass, fields, replace
from pathlib import Path
from typing import Any

from llavaction.api.requests import ChatRequest
from llavaction.utils.errors import DataError
from llavaction.utils.jsonl import read_json


class BadReply(Exception):
    """What the server sent is no chat completion; holds all of it."""


@dataclass(frozen=True)
class Reply:
    """What a model answered to one request.

    Attributes:
        content: the answer; None or empty where there is none.
        refusal: why the model does not want to answer, where the server says so.
        finish_reason: why the model stopped: `stop`, `length`, `content_filter`, ...
        model: the exact model, as the server names it.
        input_tokens: None where the server does not count.
        output_tokens: None where the server does not count.
    """

    content: str | None
    refusal: str | None = None
    finish_reason: str | None = None
    model: str | None = None
    input_tokens: int | None = None
    output_tokens: int | None = None

    def map_texts(self, change: Callable[[str], str]) -> Reply:
        """The same reply with every text changed."""

        def changed(text: str | None) -> str | None:
            return None if text is None else change(text)

        return replace(
            self,
            content=changed(self.content),
            refusal=changed(self.refusal),
            finish_reason=changed(self.finish_reason),
            model=changed(self.model),
        )


def parse_reply(text: str) -> Reply:
    """The reply in the body of a chat completion.

    Format: https://platform.openai.com/docs/api-reference/chat/object. Token counts that are no whole numbers are
    taken as not given.

    Raises:
        BadReply: when it is something else, such as a proxy's web page.
    """
    try:
        body = json.loads(text)
    except ValueError as error:
        raise BadReply(f"not JSON ({error}): {text}") from None
    choices = body.get("choices") if isinstance(body, dict) else None
    if not isinstance(choices, list) or not choices or not isinstance(choices[0], dict):
        raise BadReply(f"no choices in it: {text}")
    message = choices[0].get("message")
    if not isinstance(message, dict):
        raise BadReply(f"no message in it: {text}")
    texts = {
        "content": message.get("content"),
        "refusal": message.get("refusal"),
        "finish_reason": choices[0].get("finish_reason"),
        "model": body.get("model"),
    }
    for name, value in texts.items():
        if value is not None and not isinstance(value, str):
            raise BadReply(f"{name} is {type(value).__name__}, not text: {text}")
    usage = body.get("usage") if isinstance(body.get("usage"), dict) else {}
    return Reply(
        **texts, input_tokens=_count(usage.get("prompt_tokens")), output_tokens=_count(usage.get("completion_tokens"))
    )


def excerpt(text: str, length: int = 300) -> str:
    """The beginning of a text from outside, in one line that can be written anywhere."""
    line = " ".join(text.split()).encode("utf-8", "backslashreplace").decode()
    return line if len(line) <= length else f"{line[:length]}..."


class ReplyCache:
    """One file per reply, `replies/ab/abcd....json`, named by the hash of its request.

    Each file holds the request (frames by their hashes) beside the reply. The first reply to a request stays, also
    when several processes ask the same thing at once, so that all of them go on from the same answer.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder / "replies"

    def read(self, request: ChatRequest, attempt: int) -> Reply | None:
        """The kept reply, or None.

        Raises:
            DataError: when the file was changed by somebody else.
        """
        path = self._path(request, attempt)
        if not path.exists():
            return None
        row = read_json(path)
        known = {item.name for item in fields(Reply)}
        if not isinstance(row, dict) or not isinstance(row.get("reply"), dict) or row["reply"].keys() != known:
            raise DataError(f"{path}: not a reply that this version wrote; delete the file to ask again")
        return Reply(**row["reply"])

    def keep(self, request: ChatRequest, attempt: int, reply: Reply) -> None:
        """Write the reply unless another process was faster."""
        path = self._path(request, attempt)
        path.parent.mkdir(parents=True, exist_ok=True)
        row: dict[str, Any] = {"attempt": attempt, "request": request.body, "reply": asdict(reply)}
        # Processes on several machines may share the folder, so a process id would not do.
        temporary = path.with_name(f".{uuid.uuid4().hex}.tmp")
        try:
            # In ASCII: a model may write half of a surrogate pair, which is JSON but not UTF-8.
            temporary.write_text(json.dumps(row, indent=1) + "\n", encoding="ascii")
            # A link is refused where the name exists; a rename would replace the other's reply.
            os.link(temporary, path)
        except FileExistsError:
            return
        except OSError:  # the disk knows no links
            temporary.replace(path)
        finally:
            temporary.unlink(missing_ok=True)

    def _path(self, request: ChatRequest, attempt: int) -> Path:
        key = request.key(attempt)
        return self.folder / key[:2] / f"{key}.json"


def _count(value: Any) -> int | None:
    return value if type(value) is int and value >= 0 else None
