"""Questions with their samples, and runs that answered them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import yaml

from llavaction.evaluation.config import TaskName
from llavaction.evaluation.predictions import Row
from llavaction.evaluation.questions import hash_question
from llavaction.sft.samples import ActionLabel, ClipRef, Option, Role, Sample, Turn, View, write_samples
from tests.reports.evaluations import write_run

SOURCES = ("random", "same_verb")


def sample(number: int, *, length_s: float | None = None) -> Sample:
    """A question with three options, the right one at each letter in turn; verbs and nouns come round as well."""
    answer_idx, source = number % 3, SOURCES[number % 2]
    options = tuple(
        Option(f"option {idx}", idx, f"{'ABC'[idx]}. option {idx}", None if idx == answer_idx else source)
        for idx in range(3)
    )
    length_s = length_s or (1.5 if number % 2 else 5.0)
    return Sample(
        sample_id=f"mqa/{number}",
        view=View.MQA,
        segment_id=f"P01_{number // 4:02}_{number}",
        clip=ClipRef(f"P01_{number // 4:02}", 0.0, length_s),
        turns=(Turn(Role.USER, "Which?"), Turn(Role.ASSISTANT, options[answer_idx].answer)),
        action=ActionLabel(number % 3, number % 4, 0),
        options=options,
        answer_idx=answer_idx,
    )


def answer(question: Sample, chosen_idx: int | None, **more: Any) -> Row:
    """The row of an answered question; the chosen option has probability 1/2, the others share the rest."""
    assert question.segment_id is not None and question.action is not None
    values: dict[str, Any] = {
        "question_sha256": hash_question(question),
        "scores": tuple(0.0 if idx == chosen_idx else -0.6931471805599453 for idx in range(3)),
        "chosen_idx": chosen_idx,
    }
    return Row(
        task="mqa",
        kind=TaskName.MQA,
        sample_id=question.sample_id,
        segment_id=question.segment_id,
        truth=(question.action.verb_id, question.action.noun_id, question.action.action_id),
        answer=question.answer,
        options=tuple(option.text for option in question.options),
        answer_idx=question.answer_idx,
        **(values | more),
    )


def heads(question: Sample, verb_id: int, noun_id: int) -> Row:
    """What the heads of an action token say of a question's clip."""
    assert question.segment_id is not None and question.action is not None
    return Row(
        task="head",
        kind=TaskName.ACTION_HEAD,
        sample_id=question.sample_id,
        segment_id=question.segment_id,
        truth=(question.action.verb_id, question.action.noun_id, question.action.action_id),
        answer=question.answer,
        predicted=(verb_id, noun_id, 0),
        top_actions=(0, 1),
        scores=(-0.1, -2.0),
    )


def write_answers(
    folder: Path, rows: Mapping[str, Sequence[Row]], samples: Sequence[Sample] | None = None, **more: Any
) -> Path:
    """A finished run; its samples lie beside it and its configuration names them, unless there are none."""
    run = write_run(folder, rows, **more)
    if samples is not None:
        write_samples(folder.parent / "samples.jsonl", samples)
        config = yaml.safe_load((run / "config.yaml").read_text())
        for task in config["evaluation"]["tasks"].values():
            task["samples"] = str(folder.parent / "samples.jsonl")
        (run / "config.yaml").write_text(yaml.safe_dump(config))
    return run
