"""A checkpoint that questions are put to, with and without its action token, while its attention is recorded."""

from __future__ import annotations

from collections.abc import Sequence

from torch import Tensor

from llavaction.evaluation.answering import Answerer, Prompt
from llavaction.evaluation.attention.measure import measure
from llavaction.evaluation.attention.places import find_places
from llavaction.evaluation.attention.questions import Question
from llavaction.evaluation.attention.records import Measured, Run, RunInfo
from llavaction.model.config import PoolMode
from llavaction.model.token_layout import TokenLayout
from llavaction.processing.chat import IM_START
from llavaction.processing.processor import Processor
from llavaction.sft.samples import Role
from llavaction.utils.errors import DataError


class Probe:
    """Sees one question at a time; its clip goes through the vision tower once for all runs and the written answer."""

    def __init__(self, answerer: Answerer, name: str, *, is_other: bool = False) -> None:
        """
        Args:
            name: of the checkpoint.
            is_other: whether it is the second checkpoint, which is only seen as it is.
        """
        self._answerer, self._name = answerer, name
        self._processor = answerer.processor
        self._has_token = self._processor.config.layout.num_action_tokens > 0
        if is_other:
            self._runs: tuple[Run, ...] = (Run.OTHER,)
        else:
            self._runs = (Run.AS_TRAINED, Run.LEFT_OUT) if self._has_token else (Run.AS_TRAINED,)

    def infos(self) -> list[RunInfo]:
        """What its runs are."""
        text = self._answerer.model.config.text_config
        sizes = (text.num_hidden_layers, text.num_attention_heads, _cover(self._processor.config.layout))
        return [RunInfo(run, self._label(run), self._name, *sizes) for run in self._runs]

    def pixels(self, question: Question) -> Tensor:
        """The clip as the model sees it, uint8 `[T, 3, R, R]`."""
        return self._processor.pixels(question.load(self._processor.config.num_frames))

    def look(
        self, question: Question, pixels: Tensor, answer: str | None, max_new_tokens: int, *, keep_maps: bool
    ) -> tuple[str, dict[Run, Measured]]:
        """The answer and what is measured in each run; all runs are shown the same answer.

        Args:
            answer: its text; None lets the checkpoint write it, greedily, as it was trained.

        Raises:
            DataError: naming the question, when its answer is empty, or the prompt shows another number of clips.
            ConfigError: when the decoder's attention cannot be recorded.
        """
        features = self._answerer.encode([pixels])[0]
        ids = self._processor.prompt_ids(question.turns, len(pixels))
        if answer is None:
            answer = self._answerer.generate([Prompt(ids, features)], max_new_tokens)[0]
            if not answer:
                raise DataError(
                    f"question {question.question_id!r}: {self._name} answers nothing, so that no position predicts an "
                    "answer; give one with answer=TEXT, or take the samples' own with true_answers=true"
                )
        answer_ids = self._processor.answer_ids(answer)
        measured = {}
        for run in self._runs:
            shown = self._without_action_tokens(ids) if run is Run.LEFT_OUT else ids
            try:
                places = find_places(
                    shown, answer_ids, self._processor.config.layout, len(pixels), opening_length(self._processor, ids)
                )
            except DataError as error:
                raise DataError(f"question {question.question_id!r}: {error}") from None
            measured[run] = measure(self._answerer.model, [*shown, *answer_ids], features, places, keep_map=keep_maps)
        return answer, measured

    def _without_action_tokens(self, ids: Sequence[int]) -> list[int]:
        action_token_id = self._processor.config.layout.action_token_id
        return [token for token in ids if token != action_token_id]

    def _label(self, run: Run) -> str:
        kind = "with action token" if self._has_token else "no action token"
        if run is Run.LEFT_OUT:
            return "action token left out"
        return f"other checkpoint ({kind})" if run is Run.OTHER else kind


def opening_length(processor: Processor, prompt_ids: Sequence[int]) -> int:
    """Tokens of the system prompt and of the opening of the first user turn."""
    start = processor.tokenizer.get_vocab()[IM_START]
    user_turn = prompt_ids.index(start, 1)
    return user_turn + 1 + len(processor.answer_ids(f"{Role.USER}\n"))


def _cover(layout: TokenLayout) -> float:
    """Part of a frame's side that pooled patches show: whole cells leave the rest at the right and the bottom out."""
    if layout.pool_mode is PoolMode.BILINEAR:
        return 1.0
    return layout.pooled_per_side * layout.pool_stride / layout.patches_per_side
