"""Which model judges descriptions, and in what words it is asked. No torch."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from llavaction.api.config import ServerConfig, Structured
from llavaction.sft.templates import check_template


@dataclass
class JudgePrompt:
    """The words that the judge is asked with."""

    name: str
    """Name that the verdicts record."""
    version: int
    """Raised with every change of wording, as scores before and after do not compare."""
    system: str
    """Who the judge is to be, and what the scores from 0 to 5 mean."""
    question: str
    """Asks for a score; holds {action} (the true classes' names), {reference} (the true words) and {caption}."""
    format: str
    """Says what the answer's JSON looks like; nothing is filled in, so braces stand for themselves."""

    def __post_init__(self) -> None:
        check_template("judge.prompt.question", self.question, {"action", "reference", "caption"})


@dataclass(kw_only=True)
class JudgeConfig(ServerConfig):
    """The judge, and the limits of what is asked."""

    SECTION: ClassVar[str] = "judge"
    """The section of the configuration that this is, for errors."""

    prompt: JudgePrompt
    """Words of the question."""
    structured: Structured = Structured.JSON_SCHEMA
    """How JSON is asked for; the schema, with which hardly any answer is invalid."""
    max_output_tokens: int = 200
    """Longest answer; a sentence and a number, with room to spare. Models that think need more."""
    num_answers: int = 3
    """Answers asked for until one is valid."""
    seed: int = 0
    """Seed of the interval of the mean, and of the random part of waiting times."""

    def __post_init__(self) -> None:
        super().__post_init__()
        self._check_least(max_output_tokens=1, num_answers=1)
