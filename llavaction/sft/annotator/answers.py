"""What a valid answer looks like; everything else is refused with a reason."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from typing import Any

from llavaction.sft.annotator.records import NUM_PAIRS, QaPair, Reason
from llavaction.sft.annotator.replies import Reply, excerpt

# Models that are told to write JSON in words alone like to put it into a Markdown block.
_FENCE = re.compile(r"\s*```(?:json)?\s*\n(.*)\n\s*```\s*", re.DOTALL)


class InvalidAnswer(Exception):
    """An answer that cannot be used."""

    def __init__(self, reason: Reason, detail: str) -> None:
        super().__init__(f"{reason}: {detail}")
        self.reason = reason
        self.detail = detail


@dataclass(frozen=True)
class CaptionAnswer:
    """The answer to the first question.

    Attributes:
        agrees: whether the model thinks that the label is right.
        caption: the description; may be empty where it does not.
    """

    agrees: bool
    caption: str


def parse_caption(reply: Reply) -> CaptionAnswer:
    """Read ``{"agrees": bool, "caption": str}``.

    Raises:
        InvalidAnswer: when it is anything else, or agrees without a caption.
    """
    answer = _fields(_json(reply), {"agrees": bool, "caption": str}, reply)
    caption = _stripped(answer["caption"], reply)
    if answer["agrees"] and not caption:
        raise InvalidAnswer(Reason.WRONG_FIELDS, "the caption is empty though the model agrees with the label")
    return CaptionAnswer(answer["agrees"], caption)


def parse_pairs(reply: Reply) -> tuple[QaPair, ...]:
    """Read ``{"pairs": [{"question": str, "answer": str}, ...]}``.

    Raises:
        InvalidAnswer: when it is anything else, a text is empty, a question is repeated, or there are not `NUM_PAIRS`.
    """
    rows = _fields(_json(reply), {"pairs": list}, reply)["pairs"]
    if len(rows) != NUM_PAIRS:
        raise InvalidAnswer(Reason.WRONG_FIELDS, f"{len(rows)} pairs, not {NUM_PAIRS}: {_shown(reply)}")
    pairs = []
    for row in rows:
        pair = _fields(row, {"question": str, "answer": str}, reply)
        pairs.append(QaPair(_stripped(pair["question"], reply), _stripped(pair["answer"], reply)))
    if not all(pair.question and pair.answer for pair in pairs):
        raise InvalidAnswer(Reason.WRONG_FIELDS, f"a question or answer is empty: {_shown(reply)}")
    if len({pair.question for pair in pairs}) < len(pairs):
        raise InvalidAnswer(Reason.WRONG_FIELDS, f"a question stands there twice: {_shown(reply)}")
    return tuple(pairs)


def _json(reply: Reply) -> Any:
    """The JSON of a whole answer."""
    if reply.refusal:
        raise InvalidAnswer(Reason.REFUSED, excerpt(reply.refusal))
    if reply.finish_reason == "content_filter":
        raise InvalidAnswer(Reason.REFUSED, "the server's content filter stopped the answer")
    if reply.finish_reason == "length":
        raise InvalidAnswer(Reason.CUT_OFF, f"raise annotator.max_output_tokens; it began: {_shown(reply)}")
    if not (reply.content or "").strip():
        raise InvalidAnswer(Reason.NO_TEXT, f"finish_reason {reply.finish_reason!r}")
    text = reply.content or ""
    fenced = _FENCE.fullmatch(text)
    try:
        return json.loads(fenced.group(1) if fenced else text)
    except (ValueError, RecursionError) as error:
        raise InvalidAnswer(Reason.NOT_JSON, f"{error}: {_shown(reply)}") from None


def _fields(value: Any, kinds: dict[str, type], reply: Reply) -> dict[str, Any]:
    """An object with exactly these fields of exactly these types: 1 is not true, and no field is left over."""
    if not isinstance(value, dict) or value.keys() != kinds.keys():
        raise InvalidAnswer(Reason.WRONG_FIELDS, f"expected an object with {sorted(kinds)}: {_shown(reply)}")
    for name, kind in kinds.items():
        if not isinstance(value[name], kind):
            found = type(value[name]).__name__
            raise InvalidAnswer(Reason.WRONG_FIELDS, f"{name} is {found}, not {kind.__name__}: {_shown(reply)}")
    return value


def _stripped(text: str, reply: Reply) -> str:
    """A text without blanks around it that can be written as UTF-8."""
    try:
        text.encode("utf-8")
    except UnicodeEncodeError:
        raise InvalidAnswer(Reason.WRONG_FIELDS, f"half of a surrogate pair in it: {_shown(reply)}") from None
    return text.strip()


def _shown(reply: Reply) -> str:
    return excerpt(reply.content or "")
