"""Asks a server for what the cache does not hold, several requests at a time."""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import Awaitable, Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

from llavaction.api.answers import look_up
from llavaction.api.client import Client, NoReply, ServerError
from llavaction.api.config import ServerConfig
from llavaction.api.costs import Spending, Tokens, estimate_input
from llavaction.api.frames import Jpegs
from llavaction.api.pace import Stopped
from llavaction.api.reasons import Reason
from llavaction.api.replies import Reply, ReplyCache
from llavaction.api.requests import ChatRequest
from llavaction.utils.errors import LlavactionError

S = TypeVar("S")
T = TypeVar("T")

MOST_IN_A_ROW = 10
"""Requests that may remain without a reply one after another; then the server is taken for down or unfit."""


class Asking:
    """Requests to one server, within its limits.

    Every reply goes into the cache first, and answers are only ever read from there: what a run returns is what the
    next run finds.

    Attributes:
        stop: why the run ended early, None when it did not.
        num_asked: replies that came from the server.
        num_retries: tries that were repeated.
    """

    def __init__(
        self, config: ServerConfig, cache: ReplyCache, *, frame_tokens: int, if_rejected: str, seed: int = 0
    ) -> None:
        """Ask nothing yet.

        Args:
            frame_tokens: about how many tokens a frame has.
            if_rejected: what to do where the server rejects every request.
            seed: of the random part of waiting times.
        """
        self.config = config
        self.cache = cache
        self.spending = Spending(config)
        self.stop: LlavactionError | None = None
        self.num_asked = 0
        self.num_retries = 0
        self._frame_tokens = frame_tokens
        self._if_rejected = if_rejected
        self._seed = seed
        self._num_in_a_row = 0

    def run(self, todos: Iterable[T], settle: Callable[[T], Awaitable[None]], key: str | None) -> None:
        """Settle all `todos`, or as many as budget and server allow; then `stop` says why.

        Args:
            settle: called with each, several at a time; an error that a user can mend ends the run.
            key: of the server.
        """
        asyncio.run(self._run(iter(todos), settle, key))

    async def answer(self, request: ChatRequest, parse: Callable[[Reply], T], jpegs: Jpegs, num_answers: int = 1) -> T:
        """The first valid answer to a request, out of the cache or from the server. For use while `run` runs.

        Args:
            jpegs: the frames that the request shows.
            num_answers: replies asked for until one is valid.

        Raises:
            InvalidAnswer: when none is.
            NoReply: when the server leaves this request without a reply.
            BudgetError, ServerError, Stopped: when the run ends.
        """
        async with self._locks[request.key(0)]:
            while True:
                known = look_up(self.cache, request, parse, num_answers)
                if known.answer is not None:
                    return known.answer
                reply = await self._ask(request, known.num_replies, jpegs)
                self.cache.keep(request, known.num_replies, reply)

    async def decode(self, work: Callable[[S], T], item: S) -> T:
        """The result of work on videos, done while others wait for the server. For use while `run` runs."""
        return await asyncio.get_running_loop().run_in_executor(self._decoder, work, item)

    async def _run(self, todos: Iterator[T], settle: Callable[[T], Awaitable[None]], key: str | None) -> None:
        self._client = Client(self.config, key, self._seed)
        # Items that show and say the same make the same request, which goes out once.
        self._locks: defaultdict[str, asyncio.Lock] = defaultdict(asyncio.Lock)
        # One thread, as readers of video files are not made for two.
        with ThreadPoolExecutor(1) as self._decoder:
            try:
                await asyncio.gather(*(self._work(todos, settle) for _ in range(self.config.concurrency)))
            finally:
                self.num_retries = self._client.num_retries
                await self._client.close()

    async def _work(self, todos: Iterator[T], settle: Callable[[T], Awaitable[None]]) -> None:
        """Take items from the common list until it is empty or the run ends.

        When it ends early, requests in flight are still waited for: they are paid for.
        """
        for todo in todos:
            try:
                await settle(todo)
            except Stopped:
                return
            except LlavactionError as error:
                self._end(error)
                return

    async def _ask(self, request: ChatRequest, attempt: int, jpegs: Jpegs) -> Reply:
        input_tokens = estimate_input(request, self._frame_tokens)
        price = self.spending.set_aside(Tokens(input_tokens, request.max_output_tokens))
        try:
            reply = await self._client.ask(request.with_frames(jpegs), request.key(attempt))
        except NoReply as error:
            self._count_in_a_row(error)
            raise
        finally:
            self.spending.give_back(price)
        self._num_in_a_row = 0
        self.num_asked += 1
        self.spending.count(reply, input_tokens)
        return reply

    def _count_in_a_row(self, error: NoReply) -> None:
        self._num_in_a_row += 1
        if self._num_in_a_row < MOST_IN_A_ROW:
            return
        hint = f"check {self.config.SECTION}.base_url and whether the server is running"
        if error.reason is Reason.REJECTED:
            hint = self._if_rejected
        self._end(
            ServerError(
                f"{self.config.base_url} left {self._num_in_a_row} requests in a row without an answer, the last with "
                f"{error}; {hint}"
            )
        )

    def _end(self, error: LlavactionError) -> None:
        """Ask nothing more; the first reason counts."""
        self.stop = self.stop or error
        self._client.pace.stop()
