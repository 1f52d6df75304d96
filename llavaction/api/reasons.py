"""Why a request brought no usable answer."""

from __future__ import annotations

from llavaction.utils.enums import StrEnum


class Reason(StrEnum):
    """Why a request brought no usable answer."""

    REFUSED = "refused"
    """The model or the server's content filter refused to answer."""
    CUT_OFF = "cut_off"
    """The answer was longer than the request allowed."""
    NO_TEXT = "no_text"
    """The answer was empty."""
    NOT_JSON = "not_json"
    """The answer was not the JSON object that was asked for."""
    WRONG_FIELDS = "wrong_fields"
    """The answer was JSON with missing, unknown, empty or wrong fields."""
    REJECTED = "rejected"
    """The server said that this request is wrong (400, 413, 422)."""
    RATE_LIMITED = "rate_limited"
    """Too many requests (429), to the last try."""
    SERVER_FAULT = "server_fault"
    """The server failed (5xx and the like), to the last try."""
    TIMED_OUT = "timed_out"
    """No reply within `timeout_s`, to the last try."""
    NO_CONNECTION = "no_connection"
    """The server could not be reached or broke the connection off, to the last try."""
    BAD_REPLY = "bad_reply"
    """The server sent something that is no chat completion, to the last try."""


UNANSWERED = (
    Reason.RATE_LIMITED,
    Reason.SERVER_FAULT,
    Reason.TIMED_OUT,
    Reason.NO_CONNECTION,
    Reason.BAD_REPLY,
)
"""The server is to blame: nothing is cached, and the same command asks again."""
