"""Asks the server about the segments that the cache does not settle, several at a time."""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

from llavaction.annotations.segments import Segment
from llavaction.sft.annotator.answers import CaptionAnswer, InvalidAnswer, parse_caption, parse_pairs
from llavaction.sft.annotator.client import Client, NoReply, ServerError
from llavaction.sft.annotator.config import AnnotatorConfig
from llavaction.sft.annotator.costs import BudgetError, Spending, estimate_input
from llavaction.sft.annotator.frames import FrameStore, Jpegs
from llavaction.sft.annotator.pace import Stopped
from llavaction.sft.annotator.plan import Outcome, Plan, Todo, annotation, disagreement, look_up
from llavaction.sft.annotator.questions import Question, ask_caption, ask_pairs
from llavaction.sft.annotator.records import Failure, Reason
from llavaction.sft.annotator.replies import Reply, ReplyCache
from llavaction.utils.errors import LlavactionError, VideoError

T = TypeVar("T")

MOST_IN_A_ROW = 10
"""Requests that may remain without a reply one after another; then the server is taken for down or unfit."""


class Asker:
    """Settles the open segments of a plan.

    Every reply goes into the cache first, and answers are only ever read from there: what a run returns is what the
    next run finds.

    Attributes:
        outcomes: of all segments that are settled.
        stop: why the run ended early, None when it did not.
        num_asked: replies that came from the server.
    """

    def __init__(
        self,
        config: AnnotatorConfig,
        plan: Plan,
        frames: FrameStore,
        cache: ReplyCache,
        on_progress: Callable[[int, float | None], None] | None = None,
    ) -> None:
        """Ask nothing yet.

        Args:
            on_progress: called after each segment with the number of settled ones and the money spent.
        """
        self.config = config
        self.plan = plan
        self.frames = frames
        self.cache = cache
        self.spending = Spending(config)
        self.outcomes = list(plan.outcomes)
        self.stop: LlavactionError | None = None
        self.num_asked = 0
        self.num_retries = 0
        self._num_in_a_row = 0
        self._on_progress = on_progress

    def run(self, key: str | None) -> None:
        """Settle all segments, or as many as budget and server allow; then `stop` says why.

        Args:
            key: of the server.
        """
        asyncio.run(self._run(key))

    async def _run(self, key: str | None) -> None:
        self._client = Client(self.config, key)
        # Segments that show and say the same make the same request, which goes out once.
        self._locks: defaultdict[str, asyncio.Lock] = defaultdict(asyncio.Lock)
        todos = iter(self.plan.todo)
        # One thread, as readers of video files are not made for two; it decodes while others wait for the server.
        with ThreadPoolExecutor(1) as self._decoder:
            try:
                await asyncio.gather(*(self._work(todos) for _ in range(self.config.concurrency)))
            finally:
                self.num_retries = self._client.num_retries
                await self._client.close()

    async def _work(self, todos: Iterator[Todo]) -> None:
        """Take segments from the common list until it is empty or the run ends.

        When it ends early, requests in flight are still waited for: they are paid for.
        """
        for todo in todos:
            try:
                outcome = await self._settle(todo)
            except Stopped:
                return
            except (BudgetError, ServerError) as error:
                self._end(error)
                return
            self.outcomes.append(outcome)
            if self._on_progress is not None:
                self._on_progress(len(self.outcomes), self.spending.money)

    async def _settle(self, todo: Todo) -> Outcome:
        segment = todo.segment
        try:
            caption = todo.caption or await self._caption(segment)
            if not caption.agrees:
                return disagreement(segment, caption)
            question = ask_pairs(self.config, segment, caption.caption)
            pairs = await self._ask_until_valid(question, parse_pairs, {})
        except (InvalidAnswer, NoReply) as error:
            return Failure(segment.segment_id, error.reason, error.detail)
        except VideoError as error:
            return Failure(segment.segment_id, Reason.VIDEO, str(error))
        return annotation(self.config, segment, caption.caption, pairs)

    async def _caption(self, segment: Segment) -> CaptionAnswer:
        loop = asyncio.get_running_loop()
        hashes, jpegs = await loop.run_in_executor(self._decoder, self.frames.load, segment)
        question = ask_caption(self.config, segment, hashes)
        return await self._ask_until_valid(question, parse_caption, jpegs)

    async def _ask_until_valid(self, question: Question, parse: Callable[[Reply], T], jpegs: Jpegs) -> T:
        async with self._locks[question.key(0)]:
            while True:
                known = look_up(self.cache, question, parse, self.config.num_answers)
                if known.answer is not None:
                    return known.answer
                reply = await self._ask(question, known.num_replies, jpegs)
                self.cache.keep(question, known.num_replies, reply)

    async def _ask(self, question: Question, attempt: int, jpegs: Jpegs) -> Reply:
        input_tokens = estimate_input(question, self.config.short_side)
        price = self.spending.set_aside(input_tokens)
        try:
            reply = await self._client.ask(question.request(jpegs), question.key(attempt))
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
        hint = "check annotator.base_url and whether the server is running"
        if error.reason is Reason.REJECTED:
            hint = "a server that knows no schemas needs annotator.structured=json_object or none"
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
