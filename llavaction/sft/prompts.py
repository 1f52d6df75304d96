"""Prompt templates as data: checked once, filled many times."""

from __future__ import annotations

import json
import string
from collections.abc import Sequence
from dataclasses import asdict, dataclass, fields

from llavaction.sft.samples import PriorAction
from llavaction.sft.templates import check_template
from llavaction.utils.errors import ConfigError
from llavaction.utils.hashing import content_sha256

LETTERS = string.ascii_uppercase

_PLACEHOLDERS: dict[str, tuple[set[str], set[str]]] = {
    "mqa_question": ({"options"}, set()),
    "mqa_option": ({"letter", "text"}, set()),
    "mqa_answer": ({"letter", "text"}, set()),
    "prior_question": ({"actions", "question"}, set()),
    "prior_action": ({"text"}, {"before_s"}),
    "direct_question": (set(), set()),
    "direct_answer": ({"narration"}, set()),
    "detection_question": ({"narration"}, {"duration_s", "clip_s"}),
    "detection_answer": ({"start_s", "stop_s"}, set()),
    "caption_question": (set(), set()),
}
"""What each template must hold, and what else it may hold."""


@dataclass
class PromptsConfig:
    """The words of each view; the fields in braces are filled per sample. Seconds are written with two decimals."""

    name: str = "???"
    """Name that the manifest records."""
    version: int = 1
    """Raised with every change of wording, as results before and after do not compare."""
    mqa_question: str = "???"
    """Question with choices; holds {options}."""
    mqa_option: str = "{letter}. {text}"
    """One line of {options}."""
    mqa_answer: str = "{letter}. {text}"
    """The answer to a question with choices."""
    direct_question: str = "???"
    """Question without choices."""
    direct_answer: str = "{narration}"
    """Its answer."""
    prior_question: str | None = None
    """A question with choices after what was done before; holds {actions} and {question}. Null where the view
    temporal_order is not wanted; likewise below."""
    prior_action: str = "{before_s} s ago: {text}"
    """One line of {actions}, the earliest first."""
    detection_question: str | None = None
    """Asks for the start and the stop of {narration}; may tell its {duration_s} and the clip's length, {clip_s}."""
    detection_answer: str = "{start_s} to {stop_s}"
    """Its answer, in seconds from the start of the clip; the question has to ask for this form."""
    caption_question: str | None = None
    """Asks for a description."""

    def __post_init__(self) -> None:
        for field in fields(self):
            template = getattr(self, field.name)
            if field.name in _PLACEHOLDERS and template is not None:
                check_template(f"prompts {self.name!r}: {field.name}", template, *_PLACEHOLDERS[field.name])

    @property
    def sha256(self) -> str:
        """A hash of all the words."""
        return content_sha256([json.dumps(asdict(self), sort_keys=True)])

    def template(self, name: str) -> str:
        """A template that may be absent.

        Raises:
            ConfigError: when it is.
        """
        template: str | None = getattr(self, name)
        if template is None:
            raise ConfigError(
                f"prompts {self.name!r} have no {name}; add it to the prompt file, or choose other views with sft.views"
            )
        return template

    def question(self, texts: Sequence[str]) -> str:
        """The question with these choices, each on a line with its letter."""
        lines = [self.mqa_option.format(letter=LETTERS[idx], text=text) for idx, text in enumerate(texts)]
        return self.mqa_question.format(options="\n".join(lines))

    def after(self, question: str, actions: Sequence[PriorAction]) -> str:
        """A question that first tells earlier actions, each on a line.

        Raises:
            ConfigError: when these prompts have no words for it.
        """
        lines = [self.prior_action.format(text=action.text, before_s=seconds(action.before_s)) for action in actions]
        return self.template("prior_question").format(actions="\n".join(lines), question=question)

    def answer(self, idx: int, text: str) -> str:
        """The answer that names choice number `idx`."""
        return self.mqa_answer.format(letter=LETTERS[idx], text=text)


def seconds(value: float) -> str:
    """Seconds as all questions and answers write them.

    >>> seconds(3)
    '3.00'
    """
    return f"{value:.2f}"
