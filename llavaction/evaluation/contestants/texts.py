"""What a reply says, as rows keep it. No torch."""

from __future__ import annotations

from llavaction.api.answers import InvalidAnswer
from llavaction.api.reasons import Reason
from llavaction.api.replies import Reply


def check_answered(reply: Reply) -> Reply:
    """A reply that is an answer; any text is one, and so is a refusal, which names no option.

    Raises:
        InvalidAnswer: when the model came to the longest answer's end without a word.
    """
    if reply.finish_reason == "length" and not text_of(reply):
        raise InvalidAnswer(
            Reason.CUT_OFF, "all tokens were used before the first word; a model that thinks needs api.reasoning_tokens"
        )
    return reply


def text_of(reply: Reply) -> str:
    """The words of an answer, or of a refusal; half of a surrogate pair, which is no UTF-8, stands there as escape."""
    text = reply.content or reply.refusal or ""
    return text.encode("utf-8", "backslashreplace").decode().strip()


def is_refused(reply: Reply) -> bool:
    """Whether the model or the server's filter would not answer."""
    return bool(reply.refusal) or reply.finish_reason == "content_filter"
