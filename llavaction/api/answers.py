"""What a valid answer looks like, and the first one among the kept replies."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from llavaction.api.reasons import Reason
from llavaction.api.replies import Reply, ReplyCache, excerpt
from llavaction.api.requests import ChatRequest

T = TypeVar("T")

# Models that are told to write JSON in words alone like to put it into a Markdown block.
_FENCE = re.compile(r"\s*```(?:json)?\s*\n(.*)\n\s*```\s*", re.DOTALL)


class InvalidAnswer(Exception):
    """An answer that cannot be used."""

    def __init__(self, reason: Reason, detail: str) -> None:
        super().__init__(f"{reason}: {detail}")
        self.reason = reason
        self.detail = detail


@dataclass(frozen=True)
class Known(Generic[T]):
    """What the cache says about a request.

    Attributes:
        answer: the first valid answer, None while there is none.
        num_replies: replies looked at.
    """

    answer: T | None
    num_replies: int


def look_up(cache: ReplyCache, request: ChatRequest, parse: Callable[[Reply], T], num_answers: int) -> Known[T]:
    """The first valid answer in the cache.

    Raises:
        InvalidAnswer: the last one, when all `num_answers` replies are there and none is valid.
    """
    for attempt in range(num_answers):
        reply = cache.read(request, attempt)
        if reply is None:
            return Known(None, attempt)
        try:
            return Known(parse(reply), attempt + 1)
        except InvalidAnswer:
            if attempt + 1 == num_answers:
                raise
    raise AssertionError("num_answers is at least 1")


def parse_json(reply: Reply, limit: str) -> Any:
    """The JSON of a whole answer.

    Args:
        limit: the setting that says how long an answer may be, for errors.

    Raises:
        InvalidAnswer: when it is refused, cut off, empty or no JSON.
    """
    if reply.refusal:
        raise InvalidAnswer(Reason.REFUSED, excerpt(reply.refusal))
    if reply.finish_reason == "content_filter":
        raise InvalidAnswer(Reason.REFUSED, "the server's content filter stopped the answer")
    if reply.finish_reason == "length":
        raise InvalidAnswer(Reason.CUT_OFF, f"raise {limit}; it began: {shown(reply)}")
    if not (reply.content or "").strip():
        raise InvalidAnswer(Reason.NO_TEXT, f"finish_reason {reply.finish_reason!r}")
    text = reply.content or ""
    fenced = _FENCE.fullmatch(text)
    try:
        return json.loads(fenced.group(1) if fenced else text)
    except (ValueError, RecursionError) as error:
        raise InvalidAnswer(Reason.NOT_JSON, f"{error}: {shown(reply)}") from None


def parse_fields(value: Any, kinds: dict[str, type], reply: Reply) -> dict[str, Any]:
    """An object with exactly these fields of exactly these types: 1 is not true, and no field is left over.

    Raises:
        InvalidAnswer: when it is anything else.
    """
    if not isinstance(value, dict) or value.keys() != kinds.keys():
        raise InvalidAnswer(Reason.WRONG_FIELDS, f"expected an object with {sorted(kinds)}: {shown(reply)}")
    for name, kind in kinds.items():
        if type(value[name]) is not kind:
            found = type(value[name]).__name__
            raise InvalidAnswer(Reason.WRONG_FIELDS, f"{name} is {found}, not {kind.__name__}: {shown(reply)}")
    return value


def stripped(text: str, reply: Reply) -> str:
    """A text without blanks around it that can be written as UTF-8.

    Raises:
        InvalidAnswer: when it cannot.
    """
    try:
        text.encode("utf-8")
    except UnicodeEncodeError:
        raise InvalidAnswer(Reason.WRONG_FIELDS, f"half of a surrogate pair in it: {shown(reply)}") from None
    return text.strip()


def shown(reply: Reply) -> str:
    """The beginning of an answer, for errors."""
    return excerpt(reply.content or "")
