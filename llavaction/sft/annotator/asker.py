"""Asks the server about the segments that the cache does not settle, several at a time."""

from __future__ import annotations

from collections.abc import Callable

from llavaction.annotations.segments import Segment
from llavaction.api.answers import InvalidAnswer
from llavaction.api.asking import Asking
from llavaction.api.client import NoReply
from llavaction.api.costs import Spending, tokens_of_frame
from llavaction.api.frames import FrameStore
from llavaction.api.replies import ReplyCache
from llavaction.sft.annotator.answers import CaptionAnswer, parse_caption, parse_pairs
from llavaction.sft.annotator.config import AnnotatorConfig
from llavaction.sft.annotator.plan import Outcome, Plan, Todo, annotation, disagreement
from llavaction.sft.annotator.questions import ask_caption, ask_pairs
from llavaction.sft.annotator.records import Failure, SegmentReason
from llavaction.utils.errors import LlavactionError, VideoError


class Asker:
    """Settles the open segments of a plan.

    Attributes:
        outcomes: of all segments that are settled.
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
        self.outcomes = list(plan.outcomes)
        self._on_progress = on_progress
        self._asking = Asking(
            config,
            cache,
            frame_tokens=tokens_of_frame(config),
            if_rejected="a server that knows no schemas needs annotator.structured=json_object or none",
            seed=config.seed,
        )

    @property
    def stop(self) -> LlavactionError | None:
        """Why the run ended early, None when it did not."""
        return self._asking.stop

    @property
    def spending(self) -> Spending:
        """Tokens and money so far."""
        return self._asking.spending

    @property
    def num_asked(self) -> int:
        """Replies that came from the server."""
        return self._asking.num_asked

    @property
    def num_retries(self) -> int:
        """Tries that were repeated."""
        return self._asking.num_retries

    def run(self, key: str | None) -> None:
        """Settle all segments, or as many as budget and server allow; then `stop` says why.

        Args:
            key: of the server.
        """
        self._asking.run(self.plan.todo, self._settle, key)

    async def _settle(self, todo: Todo) -> None:
        self.outcomes.append(await self._outcome(todo))
        if self._on_progress is not None:
            self._on_progress(len(self.outcomes), self.spending.money)

    async def _outcome(self, todo: Todo) -> Outcome:
        segment = todo.segment
        try:
            caption = todo.caption or await self._caption(segment)
            if not caption.agrees:
                return disagreement(segment, caption)
            request = ask_pairs(self.config, segment, caption.caption)
            pairs = await self._asking.answer(request, parse_pairs, {}, self.config.num_answers)
        except (InvalidAnswer, NoReply) as error:
            return Failure(segment.segment_id, error.reason, error.detail)
        except VideoError as error:
            return Failure(segment.segment_id, SegmentReason.VIDEO, str(error))
        return annotation(self.config, segment, caption.caption, pairs)

    async def _caption(self, segment: Segment) -> CaptionAnswer:
        hashes, jpegs = await self._asking.decode(self.frames.load, segment)
        request = ask_caption(self.config, segment, hashes)
        return await self._asking.answer(request, parse_caption, jpegs, self.config.num_answers)
