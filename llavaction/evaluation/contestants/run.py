"""A whole evaluation of a model on a server: plan, questions, rows, metrics, costs. No torch."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from pathlib import Path

from llavaction.api.client import ServerError, read_key
from llavaction.api.costs import Spending
from llavaction.api.frames import FrameStore
from llavaction.api.replies import ReplyCache
from llavaction.evaluation.config import EvaluationConfig, TaskName
from llavaction.evaluation.contestants.config import ApiConfig
from llavaction.evaluation.contestants.contest import Contest
from llavaction.evaluation.contestants.exam import Exam
from llavaction.evaluation.contestants.plan import Plan, Planner
from llavaction.evaluation.contestants.results import (
    UNANSWERED_FILE,
    describe_costs,
    describe_plan,
    read_runs,
    write_results,
)
from llavaction.evaluation.grading import Grader
from llavaction.evaluation.metrics import task_metrics
from llavaction.evaluation.predictions import METRICS_FILE
from llavaction.evaluation.questions import Questions, words_of
from llavaction.evaluation.row_files import RowFiles
from llavaction.sft.classes import ClassTable
from llavaction.sft.nearest_classes import NearestClasses
from llavaction.text.encoders import EncoderConfig, make_encoder
from llavaction.utils.jsonl import write_json
from llavaction.utils.progress import make_progress
from llavaction.video.layout import VideoConfig

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class ContestRun:
    """A model on a server, the videos, the tasks with their questions, and the folder for rows and metrics.

    Attributes:
        classes: those of the samples, which the model never hears of.
        encoder: of texts, which finds the classes of answers in the model's own words.
    """

    folder: Path
    api: ApiConfig
    video: VideoConfig
    evaluation: EvaluationConfig
    questions: Questions
    classes: ClassTable
    encoder: EncoderConfig

    @property
    def num_questions(self) -> int:
        """Questions of all tasks."""
        return sum(map(len, self.questions.values()))


class Evaluation:
    """A run, opened: rows and replies that are there have been read, and nothing has been asked.

    Attributes:
        estimate: what the rest will take, in one line for the user.
    """

    def __init__(self, run: ContestRun) -> None:
        """Read what is there.

        Raises:
            DataError, VideoError: when samples or videos do not fit, before anything is paid for.
        """
        self.run = run
        self._frames, self._cache = FrameStore(run.api, run.video), ReplyCache(Path(run.api.cache))
        self._files = {name: RowFiles(run.folder / "rows", name) for name in run.questions}
        self.plan = self._make_plan()
        price = Spending(run.api).price(self.plan.tokens)
        self.estimate = describe_plan(self.plan, run.api.model, run.num_questions, price)

    def finish(self) -> dict[str, dict[str, float]]:
        """Ask what is left; write rows, `costs.json` and `metrics.json`; return the metrics by task.

        Raises:
            BudgetError, ServerError: when questions are left over; what was done is kept.
            VideoError: when a video cannot be read and that is to end the evaluation.
        """
        run = self.run
        if self.plan.rows or self.plan.todo:
            self._carry_out()
        metrics = {name: task_metrics(self._files[name].merge(samples)) for name, samples in run.questions.items()}
        for name, figures in metrics.items():
            logger.info("%s: %s", name, ", ".join(f"{key} {value:.4g}" for key, value in figures.items()))
        write_json(run.folder / METRICS_FILE, metrics)
        return metrics

    def _carry_out(self) -> None:
        """Write what is settled, ask the rest, and tell what it cost."""
        run = self.run
        key = read_key(run.api) if self.plan.todo else None
        logger.info("%s", self.estimate)
        contest = Contest(run.api, run.evaluation, self.plan, self._frames, self._cache, self._files)
        earlier = read_runs(run.folder)
        try:
            if self.plan.todo:
                self._ask(contest, key)
        finally:  # also of a run that is interrupted: what it spent is spent
            costs = write_results(run.folder, contest, earlier)
        logger.info("%s", describe_costs(costs))
        self._refuse_incomplete(contest)

    def _make_plan(self) -> Plan:
        run = self.run
        planner = Planner(self._frames, self._cache, run.evaluation.bad_video)
        nearest = None
        for name, samples in run.questions.items():
            task, answered = run.evaluation.tasks[name], self._files[name].answered(samples)
            if task.task is TaskName.DIRECT:
                nearest = nearest or NearestClasses(make_encoder(run.encoder), run.classes)
            exam = Exam(
                Grader(name, task, run.classes),
                run.evaluation,
                run.api,
                words_of(Path(task.samples)),
                nearest,
                {row.segment_id: row for row in answered.values()},
            )
            planner.add(exam, samples, answered)
        return planner.plan

    def _ask(self, contest: Contest, key: str | None) -> None:
        total = self.run.num_questions
        with make_progress() as progress:
            bar = progress.add_task("ask", total=total, completed=total - self.plan.num_open)

            def show() -> None:
                money = contest.asking.spending.money
                progress.update(bar, advance=1, description="ask" if money is None else f"ask, {money:.2f} spent")

            contest.run(key, show)

    def _refuse_incomplete(self, contest: Contest) -> None:
        """Raises: the reason for which the run ended, or ServerError, when a question has no row."""
        run = self.run
        done = {name: len(self._files[name].answered(samples)) for name, samples in run.questions.items()}
        missing = run.num_questions - sum(done.values())
        if not missing:
            return
        state = f"{missing} of {run.num_questions} questions are without an answer; the others are in {run.folder}"
        go_on = "the same command goes on where this one stopped"
        if contest.asking.stop is not None:
            raise type(contest.asking.stop)(f"{contest.asking.stop}\n{state}; {go_on}")
        first = contest.unanswered[0]
        raise ServerError(
            f"{state} ({run.folder / UNANSWERED_FILE} says why; the first: sample {first.sample_id!r} of task "
            f"{first.task!r}: {first.reason}, {first.detail}); {go_on}"
        )
