"""One request to the server, tried again where that makes sense."""

from __future__ import annotations

import asyncio
import logging
import os
import time
from typing import TYPE_CHECKING, Any

from llavaction.api.config import ServerConfig
from llavaction.api.pace import LONGEST_PAUSE_S, Pace, parse_retry_after
from llavaction.api.reasons import Reason
from llavaction.api.replies import BadReply, Reply, excerpt, parse_reply
from llavaction.utils.errors import ConfigError, LlavactionError
from llavaction.utils.seeding import unit_interval

if TYPE_CHECKING:
    import openai

logger = logging.getLogger(__name__)

FIRST_WAIT_S = 1.0
"""Before the first further try; doubled before each one after it."""
LONGEST_WAIT_S = 60.0
"""Between tries, where the server does not say how long."""
SHORTEST_SECRET = 12
"""Characters of a key that is hidden in texts; a shorter one is a word such as EMPTY, not a secret."""

_THIS_REQUEST = (400, 413, 422)
_TRY_AGAIN = (408, 409, 425, 429)


class ServerError(LlavactionError):
    """The server does not do what the run needs; no further request makes sense."""


class NoReply(Exception):
    """One request remains without a reply."""

    def __init__(self, reason: Reason, detail: str, retry_after_s: float | None = None) -> None:
        super().__init__(f"{reason}: {detail}")
        self.reason = reason
        self.detail = detail
        self.retry_after_s = retry_after_s


def read_key(config: ServerConfig) -> str | None:
    """The key out of the environment, None for a server without keys.

    Raises:
        ConfigError: when the variable is not set or holds what cannot be sent.
    """
    if config.key_variable is None:
        return None
    key = os.environ.get(config.key_variable, "")
    if not key:
        raise ConfigError(
            f"the environment variable {config.key_variable} is not set; put the server's key there, or set "
            f"{config.SECTION}.key_variable=null for a server without keys"
        )
    if not (key.isascii() and key.isprintable()) or " " in key:
        raise ConfigError(f"the environment variable {config.key_variable} holds blanks or signs that no key has")
    return key


class Client:
    """Asks the server. Made inside a running event loop."""

    def __init__(self, config: ServerConfig, key: str | None, seed: int = 0) -> None:
        """`seed`: of the random part of waiting times."""
        import openai

        self.config = config
        self.seed = seed
        self.pace = Pace(config.requests_per_minute)
        self.num_retries = 0
        self._key = key
        self._errors = openai
        # Tries and time-outs are ours: theirs would not count as requests, and limits silence, not the whole reply.
        self._client = openai.AsyncOpenAI(base_url=config.base_url, api_key=key or "none", max_retries=0, timeout=None)

    async def ask(self, request: dict[str, Any], key: str) -> Reply:
        """Send a request until there is a reply.

        Args:
            request: JSON of a chat-completions request.
            key: name of the request, from which the random part of waiting times is drawn.

        Raises:
            NoReply: when this request is wrong, or had no reply at the last try.
            ServerError: when no request would have one.
            Stopped: when the run ends before the next try.
        """
        for attempt in range(self.config.max_retries + 1):
            await self.pace.wait()
            try:
                return await self._send(request)
            except NoReply as error:
                if error.reason is Reason.REJECTED or attempt == self.config.max_retries:
                    raise
                self.num_retries += 1
                await self._wait_after(error, attempt, key)
        raise AssertionError("the last try returns or raises")

    async def close(self) -> None:
        """Close the connections."""
        await self._client.close()

    async def _send(self, request: dict[str, Any]) -> Reply:
        # As plain text: their types would let wrong ones pass, and drop fields that they do not know.
        reply = self._client.post("/chat/completions", body=request, cast_to=str)
        try:
            # The limit is on the whole reply, since a server may send a byte every minute.
            text = await asyncio.wait_for(reply, self.config.timeout_s)
            return parse_reply(text).map_texts(self._hide)
        except (asyncio.TimeoutError, self._errors.APITimeoutError):
            raise NoReply(Reason.TIMED_OUT, f"no reply within {self.config.timeout_s:g} s") from None
        except self._errors.APIStatusError as error:
            raise self._refused(error) from None
        except self._errors.APIConnectionError as error:
            raise NoReply(Reason.NO_CONNECTION, self._told(f"{error} {error.__cause__ or ''}")) from None
        except BadReply as error:
            raise NoReply(Reason.BAD_REPLY, self._told(str(error))) from None

    def _refused(self, error: openai.APIStatusError) -> NoReply | ServerError:
        """What a reply with an error status means."""
        status, section = error.status_code, self.config.SECTION
        text = f"{status}: {self._told(error.message)}"
        if status == 429 and error.code == "insufficient_quota":
            return ServerError(f"{self.config.base_url} says {text}; nothing is left to spend on this key")
        if status in (401, 403):
            where = self.config.key_variable
            hint = f"check the key in the environment variable {where}" if where else f"set {section}.key_variable"
            return ServerError(f"{self.config.base_url} says {text}; {hint}")
        if status in _THIS_REQUEST:
            return NoReply(Reason.REJECTED, text)
        if status in _TRY_AGAIN or status >= 500:
            reason = Reason.RATE_LIMITED if status == 429 else Reason.SERVER_FAULT
            return NoReply(reason, text, parse_retry_after(error.response.headers.get("retry-after"), time.time()))
        return ServerError(f"{self.config.base_url} says {text}; check {section}.base_url and {section}.model")

    async def _wait_after(self, error: NoReply, attempt: int, key: str) -> None:
        """Wait as long as the server asks, which goes for all requests, or longer after every try."""
        pause_s = error.retry_after_s
        if pause_s is None:
            share = 0.5 + unit_interval(self.seed, "wait", key, attempt)
            await self.pace.sleep(min(FIRST_WAIT_S * 2**attempt * share, LONGEST_WAIT_S))
            return
        if pause_s > LONGEST_PAUSE_S:
            raise ServerError(f"{self.config.base_url} asks for a pause of {pause_s:.0f} s ({error.detail})")
        if pause_s > 10:
            logger.warning("the server asks for a pause of %.0f s (%s)", pause_s, error.detail)
        self.pace.pause(pause_s)

    def _told(self, text: str) -> str:
        return excerpt(self._hide(text))

    def _hide(self, text: str) -> str:
        """A text from the server without the key: some repeat it in their errors."""
        if self._key is None or len(self._key) < SHORTEST_SECRET:
            return text
        return text.replace(self._key, "[key]")
