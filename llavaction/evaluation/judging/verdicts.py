"""The question to the judge, its answer, and the record of both. No torch."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from llavaction.api.answers import InvalidAnswer, parse_fields, parse_json, shown, stripped
from llavaction.api.reasons import Reason
from llavaction.api.replies import Reply
from llavaction.api.requests import TEXT_SCHEMA, ChatRequest, chat_request, json_format, object_schema
from llavaction.evaluation.config import TaskName
from llavaction.evaluation.judging.config import JudgeConfig
from llavaction.evaluation.predictions import Row
from llavaction.sft.classes import ClassTable
from llavaction.utils.errors import DataError
from llavaction.utils.jsonl import read_unique

HIGHEST = 5
"""The best score; the worst is 0."""

# The reason stands first, so that the score follows from it.
VERDICT_SCHEMA = object_schema(reason=TEXT_SCHEMA, score={"type": "integer"})


@dataclass(frozen=True)
class Verdict:
    """What a judge says about one description.

    Attributes:
        score: 0 to 5.
        reason: why, in a line.
        judge: name of the model, as the server was asked for it.
        prompt: name and version of the words that it was asked with.
    """

    sample_id: str
    segment_id: str
    score: int
    reason: str
    judge: str
    prompt: tuple[str, int]

    def to_row(self) -> dict[str, Any]:
        """The verdict as a JSON object."""
        return asdict(self)

    @classmethod
    def from_row(cls, row: dict[str, Any]) -> Verdict:
        """The verdict of a JSON object.

        Raises:
            DataError: for a missing or unknown field, or a score that is none.
        """
        try:
            verdict = cls(**{**row, "prompt": tuple(row["prompt"])})
        except (KeyError, TypeError) as error:
            raise DataError(f"verdict on {row.get('sample_id')!r}: {type(error).__name__}: {error}") from None
        if type(verdict.score) is not int or not 0 <= verdict.score <= HIGHEST:
            raise DataError(f"verdict on {verdict.sample_id!r}: score = {verdict.score!r} must be 0 to {HIGHEST}")
        return verdict


def read_verdicts(path: Path) -> list[Verdict]:
    """Read `judged/{task}.jsonl`.

    Raises:
        DataError: naming the line, when one is no verdict or a sample stands twice.
    """
    return read_unique(path, Verdict.from_row, lambda verdict: verdict.sample_id)


def description_of(row: Row) -> str:
    """What the model wrote about the clip.

    Raises:
        DataError: when its task did not ask it to.
    """
    text = {TaskName.CAPTION: row.raw, TaskName.CAPTION_THEN_ANSWER: row.caption}.get(row.kind)
    if text is None:
        raise DataError(
            f"row {row.sample_id!r} of task {row.task!r} is of kind {row.kind} and has no description; judge a task of "
            f"kind {TaskName.CAPTION} or {TaskName.CAPTION_THEN_ANSWER}"
        )
    return text


def ask_verdict(config: JudgeConfig, row: Row, classes: ClassTable) -> ChatRequest:
    """Ask how well a description agrees with what is known about its clip.

    Raises:
        DataError: when the row has no description.
    """
    prompt = config.prompt
    # Of a question with options, the right option's words are what is known.
    reference = row.answer if row.answer_idx is None else row.options[row.answer_idx]
    text = prompt.question.format(
        action=classes.action_name(row.truth[2]), reference=reference, caption=description_of(row)
    )
    messages = [
        {"role": "system", "content": prompt.system},
        {"role": "user", "content": f"{text}\n\n{prompt.format}"},
    ]
    form = json_format(config.structured, "verdict", VERDICT_SCHEMA)
    return chat_request(config, messages, config.max_output_tokens, form)


def parse_verdict(reply: Reply) -> tuple[int, str]:
    """Read ``{"reason": str, "score": 0 to 5}``.

    Raises:
        InvalidAnswer: when it is anything else.
    """
    answer = parse_fields(parse_json(reply, "judge.max_output_tokens"), {"reason": str, "score": int}, reply)
    if not 0 <= answer["score"] <= HIGHEST:
        raise InvalidAnswer(Reason.WRONG_FIELDS, f"score is {answer['score']}, not 0 to {HIGHEST}: {shown(reply)}")
    reason = " ".join(stripped(answer["reason"], reply).split())
    if not reason:
        raise InvalidAnswer(Reason.WRONG_FIELDS, f"the reason is empty: {shown(reply)}")
    return answer["score"], reason
