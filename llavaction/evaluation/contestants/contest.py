"""Asks the server for what the cache does not settle, and writes each row as soon as it is there. No torch."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from typing import Any

from llavaction.api.answers import InvalidAnswer
from llavaction.api.asking import Asking
from llavaction.api.client import NoReply
from llavaction.api.costs import tokens_of_frame
from llavaction.api.frames import FrameStore, Jpegs
from llavaction.api.reasons import Reason
from llavaction.api.replies import Reply, ReplyCache
from llavaction.evaluation.config import EvaluationConfig
from llavaction.evaluation.contestants.config import ApiConfig
from llavaction.evaluation.contestants.exam import Dialogue, Exam
from llavaction.evaluation.contestants.plan import Plan, ShownClip, Todo, exclude
from llavaction.evaluation.contestants.texts import check_answered, is_refused, text_of
from llavaction.evaluation.predictions import Row
from llavaction.evaluation.row_files import RowFiles
from llavaction.sft.samples import Sample
from llavaction.utils.errors import VideoError


@dataclass(frozen=True)
class Unanswered:
    """A question that the server left without an answer, and why."""

    task: str
    sample_id: str
    reason: Reason
    detail: str

    def to_row(self) -> dict[str, Any]:
        """It as a JSON object."""
        return {**asdict(self), "reason": str(self.reason)}


class Contest:
    """Carries a plan out.

    Attributes:
        asking: the requests, their costs, and why they ended early.
        unanswered: questions without an answer.
        models: how many replies behind the rows of this run each exact model gave, as the server names it.
        num_refused: replies among them that refuse to answer.
    """

    def __init__(
        self,
        api: ApiConfig,
        evaluation: EvaluationConfig,
        plan: Plan,
        frames: FrameStore,
        cache: ReplyCache,
        files: Mapping[str, RowFiles],
    ) -> None:
        """Write the rows that are settled, and ask nothing yet.

        Args:
            files: of rows, by task.
        """
        self.plan = plan
        self.asking = Asking(
            api,
            cache,
            frame_tokens=tokens_of_frame(api),
            if_rejected="check api.model, api.output_limit and api.extra, which not every server knows",
            seed=evaluation.seed,
        )
        self.unanswered: list[Unanswered] = []
        self.models: Counter[str] = Counter()
        self.num_refused = 0
        self._frames = frames
        self._bad_video = evaluation.bad_video
        self._files = files
        for name, of_task in files.items():
            if settled := [row for row in plan.rows if row.task == name]:
                of_task.write([settled])
        self._tally(plan.replies)

    def run(self, key: str | None, on_progress: Callable[[], None]) -> None:
        """Ask all that is left, or as much as budget and server allow; then `asking.stop` says why.

        Args:
            key: of the server.
            on_progress: called after each question.
        """
        self._on_progress = on_progress
        self.asking.run(self.plan.todo, self._settle, key)

    async def _settle(self, todo: Todo) -> None:
        for sample in todo.samples:
            row = await self._row(todo.exam, sample)
            if row is None:
                return  # those behind it would tell an answer that is not there
            todo.exam.remember(row)
            self._files[row.task].write([[row]])
            self._on_progress()

    async def _row(self, exam: Exam, sample: Sample) -> Row | None:
        try:
            hashes, jpegs = await self.asking.decode(self._frames.load, ShownClip.of(sample))
        except VideoError as error:
            return exclude(exam, sample, error, self._bad_video)
        try:
            return await self._converse(exam.dialogue(sample, hashes), jpegs)
        except (InvalidAnswer, NoReply) as error:
            self.unanswered.append(Unanswered(exam.grader.name, sample.sample_id, error.reason, error.detail))
            return None

    async def _converse(self, dialogue: Dialogue, jpegs: Jpegs) -> Row:
        replies: list[Reply] = []
        request = next(dialogue)
        while True:
            replies.append(await self.asking.answer(request, check_answered, jpegs))
            try:
                request = dialogue.send(text_of(replies[-1]))
            except StopIteration as end:
                self._tally(replies)
                row: Row = end.value
                return row

    def _tally(self, replies: list[Reply]) -> None:
        self.models.update(reply.model or "unnamed" for reply in replies)
        self.num_refused += sum(is_refused(reply) for reply in replies)
