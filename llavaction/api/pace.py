"""When the next request may go out."""

from __future__ import annotations

import asyncio
import time
from email.utils import parsedate_to_datetime

LONGEST_PAUSE_S = 3600.0
"""A server that asks for a longer pause has a daily limit: better to stop than to look as if at work."""


class Stopped(Exception):
    """The run ends; nothing more is asked."""


class Pace:
    """Spaces requests evenly, and holds all of them back when the server asks for a pause.

    At most one request goes out per `60 / requests_per_minute` seconds, so at most `requests_per_minute` within any
    minute. Made inside a running event loop.
    """

    def __init__(self, requests_per_minute: int | None) -> None:
        self._spacing_s = 60 / requests_per_minute if requests_per_minute else 0.0
        self._next_s = time.monotonic()
        self._stopping = asyncio.Event()

    async def wait(self) -> None:
        """Wait for this request's turn.

        Raises:
            Stopped: when the run ends meanwhile.
        """
        # A pause may begin while this request waits, so its turn is taken only when the time has come.
        while (wait_s := self._next_s - time.monotonic()) > 0:
            await self.sleep(wait_s)
        if self._stopping.is_set():
            raise Stopped
        self._next_s = time.monotonic() + self._spacing_s

    async def sleep(self, seconds: float) -> None:
        """Sleep.

        Raises:
            Stopped: as soon as the run ends.
        """
        try:
            await asyncio.wait_for(self._stopping.wait(), seconds)
        except asyncio.TimeoutError:
            return
        raise Stopped

    def pause(self, seconds: float) -> None:
        """Let no request go out for a while."""
        self._next_s = max(self._next_s, time.monotonic() + seconds)

    def stop(self) -> None:
        """End all waiting, now and later."""
        self._stopping.set()


def parse_retry_after(value: str | None, now_s: float) -> float | None:
    """Seconds that a `Retry-After` header asks to wait, None where there is none that can be read.

    Format: RFC 9110, section 10.2.3: whole seconds, or a date.

    Args:
        now_s: seconds since the epoch.
    """
    if value is None:
        return None
    try:
        seconds = float(value)
    except ValueError:
        try:
            seconds = parsedate_to_datetime(value).timestamp() - now_s
        except ValueError:
            return None
    return max(seconds, 0.0) if seconds < float("inf") else None
