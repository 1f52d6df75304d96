"""What valid answers to both questions look like; everything else is refused with a reason."""

from __future__ import annotations

from dataclasses import dataclass

from llavaction.api.answers import InvalidAnswer, parse_fields, parse_json, shown, stripped
from llavaction.api.reasons import Reason
from llavaction.api.replies import Reply
from llavaction.sft.annotator.records import NUM_PAIRS, QaPair

_LIMIT = "annotator.max_output_tokens"


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
    answer = parse_fields(parse_json(reply, _LIMIT), {"agrees": bool, "caption": str}, reply)
    caption = stripped(answer["caption"], reply)
    if answer["agrees"] and not caption:
        raise InvalidAnswer(Reason.WRONG_FIELDS, "the caption is empty though the model agrees with the label")
    return CaptionAnswer(answer["agrees"], caption)


def parse_pairs(reply: Reply) -> tuple[QaPair, ...]:
    """Read ``{"pairs": [{"question": str, "answer": str}, ...]}``.

    Raises:
        InvalidAnswer: when it is anything else, a text is empty, a question is repeated, or there are not `NUM_PAIRS`.
    """
    rows = parse_fields(parse_json(reply, _LIMIT), {"pairs": list}, reply)["pairs"]
    if len(rows) != NUM_PAIRS:
        raise InvalidAnswer(Reason.WRONG_FIELDS, f"{len(rows)} pairs, not {NUM_PAIRS}: {shown(reply)}")
    pairs = []
    for row in rows:
        pair = parse_fields(row, {"question": str, "answer": str}, reply)
        pairs.append(QaPair(stripped(pair["question"], reply), stripped(pair["answer"], reply)))
    if not all(pair.question and pair.answer for pair in pairs):
        raise InvalidAnswer(Reason.WRONG_FIELDS, f"a question or answer is empty: {shown(reply)}")
    if len({pair.question for pair in pairs}) < len(pairs):
        raise InvalidAnswer(Reason.WRONG_FIELDS, f"a question stands there twice: {shown(reply)}")
    return tuple(pairs)
