"""A folder of questions as `llavaction build-sft` leaves it, and its questions read."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

import pytest

from llavaction.reports.audit.questions import Question, read_questions
from llavaction.sft.classes import ClassTable
from llavaction.sft.samples import PriorAction, Sample, write_samples
from tests.reports.conftest import question

CLASSES = ClassTable(
    verbs=("take", "put", "wash"),
    nouns=("plate", "cup"),
    actions=("0:0", "0:1", "1:0", "1:1", "2:0", "2:1"),
    narrations={},
)
TEXTS = ["take plate", "grab cup", "put plate", "put down cup", "rinse plate"]
PRIOR = (PriorAction("P01_01_9", "open <tap>", 4.25),)


def sample(number: int, strategy: str = "specialist", texts: Sequence[str] = TEXTS, **more: object) -> Sample:
    """A question whose answer is option `number % 5`."""
    made = replace(question(number % 4, texts, number % 5), sample_id=f"mqa/{strategy}/P01_01_{number}")
    return replace(made, segment_id=f"P01_01_{number}", **more)  # type: ignore[arg-type]


@pytest.fixture
def write_folder(tmp_path: Path) -> Callable[..., str]:
    """Writes `validation_mqa.jsonl` and `classes.json` into a folder and returns the file."""

    def write(samples: Sequence[Sample], folder: str = "specialist") -> str:
        path = tmp_path / folder / "validation_mqa.jsonl"
        write_samples(path, samples)
        CLASSES.save(path.parent)
        return str(path)

    return write


@pytest.fixture
def questions(write_folder: Callable[..., str]) -> list[Question]:
    """Three questions with four distractors each; the second is told what came before."""
    samples = [sample(0), sample(1, prior=PRIOR), sample(2)]
    return list(read_questions([write_folder(samples)]).values())
