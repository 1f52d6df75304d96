"""Prompt templates as data: checked once, filled many times."""

from __future__ import annotations

import string
from collections.abc import Sequence
from dataclasses import dataclass, fields

from llavaction.utils.errors import ConfigError

LETTERS = string.ascii_uppercase

_PLACEHOLDERS = {
    "mqa_question": {"options"},
    "mqa_option": {"letter", "text"},
    "mqa_answer": {"letter", "text"},
    "direct_question": set(),
    "direct_answer": {"narration"},
}


@dataclass
class PromptsConfig:
    """The words of each view; the fields in braces are filled per sample."""

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

    def __post_init__(self) -> None:
        for field in fields(self):
            if field.name in _PLACEHOLDERS:
                _check_template(self.name, field.name, getattr(self, field.name), _PLACEHOLDERS[field.name])

    def question(self, texts: Sequence[str]) -> str:
        """The question with these choices, each on a line with its letter."""
        lines = [self.mqa_option.format(letter=LETTERS[idx], text=text) for idx, text in enumerate(texts)]
        return self.mqa_question.format(options="\n".join(lines))

    def answer(self, idx: int, text: str) -> str:
        """The answer that names choice number `idx`."""
        return self.mqa_answer.format(letter=LETTERS[idx], text=text)


def _check_template(prompts: str, name: str, template: str, allowed: set[str]) -> None:
    try:
        found = {
            f"{field}{'!' + conversion if conversion else ''}{':' + spec if spec else ''}"
            for _, field, spec, conversion in string.Formatter().parse(template)
            if field is not None
        }
    except ValueError as error:
        raise ConfigError(f"prompts {prompts!r}: {name} = {template!r}: {error}") from None
    # Bare names only: "{text.__class__}", "{text!r}" and "{text:{letter.x}}" are refused here.
    if found != allowed:
        raise ConfigError(
            f"prompts {prompts!r}: {name} = {template!r} uses {sorted(found)}, must use exactly {sorted(allowed)}"
        )
