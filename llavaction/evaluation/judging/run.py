"""All descriptions of a task judged: verdicts, and their mean with its interval. No torch."""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from llavaction.api.answers import InvalidAnswer, look_up
from llavaction.api.asking import Asking
from llavaction.api.client import NoReply, ServerError
from llavaction.api.costs import ANSWER_TOKENS, Tokens, estimate_input
from llavaction.api.replies import ReplyCache
from llavaction.evaluation.intervals import Estimate, estimate_mean
from llavaction.evaluation.judging.config import JudgeConfig
from llavaction.evaluation.judging.verdicts import Verdict, ask_verdict, parse_verdict
from llavaction.evaluation.outcomes import answered_rows, video_ids
from llavaction.evaluation.predictions import Row, read_rows
from llavaction.sft.classes import ClassTable
from llavaction.utils.errors import DataError, nearest
from llavaction.utils.jsonl import write_json, write_jsonl

logger = logging.getLogger(__name__)
FOLDER = "judged"


@dataclass(frozen=True)
class Failed:
    """A description without a verdict, and why."""

    sample_id: str
    reason: str
    detail: str


class Judging:
    """The descriptions of one task of an evaluation, and the judge.

    Attributes:
        rows: those with a description; questions whose video could not be shown have none.
        num_excluded: those without.
    """

    def __init__(self, config: JudgeConfig, run: Path, task: str) -> None:
        """Read the rows and what the cache says about them; ask nothing yet.

        Raises:
            DataError: when there are no such rows, or they have no descriptions.
        """
        found = _read(run, task)
        self.config = config
        self.rows = answered_rows(found)
        self.num_excluded = len(found) - len(self.rows)
        self.asking = Asking(
            config,
            ReplyCache(Path(config.cache)),
            frame_tokens=0,
            if_rejected="a server that knows no schemas needs judge.structured=json_object or none",
            seed=config.seed,
        )
        self.verdicts: dict[str, Verdict] = {}
        self.failed: list[Failed] = []
        self._path = run / FOLDER / f"{task}.jsonl"
        self._classes = ClassTable.load(run)
        self._num_cached, self._open = self._look_up()

    @property
    def num_open(self) -> int:
        """Descriptions that the cache does not settle."""
        return len(self._open)

    def estimate(self) -> str:
        """What the rest will take, in one line for the user."""
        tokens = Tokens(
            sum(estimate_input(ask_verdict(self.config, row, self._classes), 0) for row in self._open),
            len(self._open) * min(ANSWER_TOKENS // 4, self.config.max_output_tokens),
        )
        price = self.asking.spending.price(tokens)
        cost = "at unknown prices" if price is None else f"for about {price:.2f}"
        return (
            f"{len(self.rows)} descriptions, {len(self.verdicts)} of them settled; {self.num_open} requests to "
            f"{self.config.model}; about {tokens.input:,} input and {tokens.output:,} output tokens {cost}"
        )

    def ask(self, key: str | None, on_progress: Callable[[], None]) -> None:
        """Have the rest judged, or as much as budget and server allow; then `asking.stop` says why."""

        async def settle(row: Row) -> None:
            request = ask_verdict(self.config, row, self._classes)
            try:
                self._keep(row, *await self.asking.answer(request, parse_verdict, {}, self.config.num_answers))
            except (InvalidAnswer, NoReply) as error:
                self.failed.append(Failed(row.sample_id, str(error.reason), error.detail))
            on_progress()

        self.asking.run(self._open, settle, key)

    def write(self) -> dict[str, Any]:
        """Write the verdicts, and beside them `{task}.json`, which has the mean when all are there; return it."""
        rows = [row for row in self.rows if row.sample_id in self.verdicts]
        write_jsonl(self._path, (self.verdicts[row.sample_id].to_row() for row in rows))
        money = self.asking.spending.money
        prompt = self.config.prompt
        summary = {
            "complete": len(rows) == len(self.rows),
            "score": asdict(self._mean()) if len(rows) == len(self.rows) else None,
            "counts": dict(sorted(Counter(verdict.score for verdict in self.verdicts.values()).items())),
            "num_excluded": self.num_excluded,
            "failed": [asdict(one) for one in sorted(self.failed, key=lambda one: one.sample_id)],
            "judge": self.config.model,
            "prompt": {"name": prompt.name, "version": prompt.version},
            "requests": {"asked": self.asking.num_asked, "cached": self._num_cached},
            "tokens": vars(self.asking.spending.tokens),
            "spent": None if money is None else round(money, 6),
        }
        write_json(self._path.with_suffix(".json"), summary)
        return summary

    def refuse_incomplete(self) -> None:
        """Raises: the reason for which the run ended, or ServerError, when a description has no verdict."""
        missing = len(self.rows) - len(self.verdicts)
        if not missing:
            return
        state = f"{missing} of {len(self.rows)} descriptions are without a verdict; the others are in {self._path}"
        if self.asking.stop is not None:
            raise type(self.asking.stop)(f"{self.asking.stop}\n{state}; the same command goes on")
        first = self.failed[0]
        raise ServerError(
            f"{state} (the first: sample {first.sample_id!r}: {first.reason}, {first.detail}); the same command asks "
            "again, for more answers where all were invalid with a larger judge.num_answers"
        )

    def _look_up(self) -> tuple[int, list[Row]]:
        num_cached, left = 0, []
        for row in self.rows:
            request = ask_verdict(self.config, row, self._classes)
            try:
                known = look_up(self.asking.cache, request, parse_verdict, self.config.num_answers)
            except InvalidAnswer:
                left.append(row)  # its reason is told when its turn comes; nothing is asked again
                num_cached += self.config.num_answers
                continue
            num_cached += known.num_replies
            if known.answer is None:
                left.append(row)
            else:
                self._keep(row, *known.answer)
        return num_cached, left

    def _keep(self, row: Row, score: int, reason: str) -> None:
        prompt = (self.config.prompt.name, self.config.prompt.version)
        self.verdicts[row.sample_id] = Verdict(row.sample_id, row.segment_id, score, reason, self.config.model, prompt)

    def _mean(self) -> Estimate:
        scores = np.array([self.verdicts[row.sample_id].score for row in self.rows], np.float64)
        return estimate_mean(scores, video_ids(self.rows), self.config.seed, "judge", self.rows[0].task)


def _read(run: Path, task: str) -> list[Row]:
    path = run / "rows" / f"{task}.jsonl"
    if not path.is_file():
        known = sorted(file.stem for file in (run / "rows").glob("*.jsonl") if ".part-" not in file.name)
        raise DataError(
            f"{path}: no such file{nearest(task, known)} (finished tasks of {run}: {', '.join(known) or 'none'})"
        )
    return read_rows(path)
