"""How each kind of task is asked of a model that only writes: requests go out, texts come in, a row comes out.

Each kind is a generator of requests that is sent the texts of their replies, so that whoever looks into the cache and
whoever asks the server go the same way. No torch.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Sequence
from dataclasses import dataclass, field, replace

from llavaction.api.requests import ChatRequest, Message, chat_request, frame_parts, text_part
from llavaction.evaluation.config import EvaluationConfig, TaskConfig, TaskName
from llavaction.evaluation.contestants.config import ApiConfig
from llavaction.evaluation.grading import Grader, written_trial
from llavaction.evaluation.own_answers import as_told, own_answers
from llavaction.evaluation.predictions import Row
from llavaction.evaluation.presentations import caption_question, present, retell
from llavaction.sft.nearest_classes import NearestClasses
from llavaction.sft.prompts import PromptsConfig
from llavaction.sft.samples import MEDIA_MARK, Role, Sample, Turn

Dialogue = Generator[ChatRequest, str, Row]


@dataclass(frozen=True)
class Exam:
    """A task, and how the model is asked.

    Attributes:
        words: the prompts that the samples were built with; None where nothing beside them tells.
        nearest: finds the classes of free texts; `direct` needs it.
        history: what the model has answered so far, by segment; `sequential` reads it.
    """

    grader: Grader
    config: EvaluationConfig
    api: ApiConfig
    words: PromptsConfig | None = None
    nearest: NearestClasses | None = None
    history: dict[str, Row] = field(default_factory=dict)

    @property
    def task(self) -> TaskConfig:
        """The task's settings."""
        return self.grader.task

    def dialogue(self, sample: Sample, frames: Sequence[str]) -> Dialogue:
        """All that is asked about a sample.

        Args:
            frames: SHA-256 of each JPEG, in order of time.

        Raises:
            ConfigError, DataError: when the sample does not fit the task.
        """
        return _KINDS[self.task.task](self, sample, frames)

    def remember(self, row: Row) -> None:
        """Keep an answer for the questions after it."""
        self.history[row.segment_id] = row

    def ask(self, turns: Sequence[Turn], frames: Sequence[str], max_new_tokens: int | None = None) -> ChatRequest:
        """A request for the answer to `turns`, the frames before the first."""
        messages: list[Message] = [{"role": "system", "content": self.api.prompt.system}]
        for turn in turns:
            shown = [*frame_parts(frames), text_part(turn.text)] if len(messages) == 1 else turn.text
            messages.append({"role": str(turn.role), "content": shown})
        longest = (max_new_tokens or self.config.max_new_tokens) + self.api.reasoning_tokens
        return chat_request(self.api, messages, longest, None)


def _choices(exam: Exam, sample: Sample, frames: Sequence[str], before: Sequence[Turn] = ()) -> Dialogue:
    """The question in every order that the task asks for, one after another; `before` was said before it."""
    trials = []
    for shown in present(sample, exam.task, exam.words, exam.config.seed):
        text = yield exam.ask([*before, *_hinted(shown.turns, exam.api.prompt.choice)], frames)
        trials.append(written_trial(shown, text))
    return exam.grader.choice(sample, trials, before[-1].text if before else None)


def _caption_then_answer(exam: Exam, sample: Sample, frames: Sequence[str]) -> Dialogue:
    asked = _hinted([Turn(Role.USER, caption_question(exam.words, exam.grader.name))], exam.api.prompt.caption)
    text = yield exam.ask(asked, frames, exam.config.max_caption_tokens)
    # The sign that stands for pictures is no word, should a model ever write it.
    return (yield from _choices(exam, sample, frames, [*asked, Turn(Role.ASSISTANT, text.replace(MEDIA_MARK, ""))]))


def _sequential(exam: Exam, sample: Sample, frames: Sequence[str]) -> Dialogue:
    """The question with the model's own answers to the clips before, which must have been asked about."""
    told = own_answers(sample, exam.history, exam.grader.name)
    row = yield from _choices(exam, retell(sample, told, exam.words), frames)
    return as_told(row, sample, told)


def _direct(exam: Exam, sample: Sample, frames: Sequence[str]) -> Dialogue:
    """The action in the model's own words, and the classes whose texts are nearest to them."""
    assert exam.nearest is not None
    text = yield exam.ask(_hinted(sample.turns[:-1], exam.api.prompt.direct), frames)
    ranked = exam.nearest.rank_scored([text], min(exam.task.top_k, len(exam.grader.classes.actions)))
    return exam.grader.direct(sample, text, ranked.action_ids[0].tolist(), ranked.similarities[0].tolist())


def _temporal_detection(exam: Exam, sample: Sample, frames: Sequence[str]) -> Dialogue:
    text = yield exam.ask(_hinted(sample.turns[:-1], exam.api.prompt.temporal_detection), frames)
    return exam.grader.span(sample, text)


def _caption(exam: Exam, sample: Sample, frames: Sequence[str]) -> Dialogue:
    asked = _hinted(sample.turns[:-1], exam.api.prompt.caption)
    text = yield exam.ask(asked, frames, exam.config.max_caption_tokens)
    return exam.grader.row(sample, raw=text)


def _hinted(turns: Sequence[Turn], hint: str | None) -> list[Turn]:
    """The turns with a hint below the last one."""
    if hint is None:
        return list(turns)
    return [*turns[:-1], replace(turns[-1], text=f"{turns[-1].text}\n\n{hint}")]


_KINDS: dict[TaskName, Callable[[Exam, Sample, Sequence[str]], Dialogue]] = {
    TaskName.MQA: _choices,
    TaskName.TWO_STAGE: _choices,
    TaskName.SEQUENTIAL: _sequential,
    TaskName.CAPTION_THEN_ANSWER: _caption_then_answer,
    TaskName.DIRECT: _direct,
    TaskName.TEMPORAL_DETECTION: _temporal_detection,
    TaskName.CAPTION: _caption,
}
