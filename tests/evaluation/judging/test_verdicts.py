from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from llavaction.api.answers import InvalidAnswer
from llavaction.api.config import Structured
from llavaction.api.reasons import Reason
from llavaction.config.compose import compose_config
from llavaction.evaluation.config import TaskName
from llavaction.evaluation.judging.verdicts import (
    Verdict,
    ask_verdict,
    description_of,
    parse_verdict,
    read_verdicts,
)
from llavaction.utils.errors import ConfigError, DataError
from llavaction.utils.jsonl import write_jsonl
from tests.api.worlds import reply
from tests.evaluation.judging.worlds import CLASSES, PROMPT, caption_row, make_judge

VERDICT = Verdict("caption/0", "P01_01_0", 4, "Nearly.", "m", ("test", 2))


def test_the_judge_reads_what_is_known_and_what_was_written(tmp_path: Path) -> None:
    body = ask_verdict(make_judge(tmp_path), caption_row(0, "I {wash} it."), CLASSES).body

    assert body["messages"] == [
        {"role": "system", "content": PROMPT.system},
        {"role": "user", "content": 'take cup; true: reference 0; told: I {wash} it.\n\nAs {"score": ...}'},
    ]
    assert body["response_format"]["json_schema"]["schema"]["required"] == ["reason", "score"]
    assert body["max_completion_tokens"] == 200


def test_of_a_question_with_options_the_right_one_is_known(tmp_path: Path) -> None:
    row = replace(
        caption_row(0, "B", options=("take cup", "put plate"), answer_idx=1),
        kind=TaskName.CAPTION_THEN_ANSWER,
        caption="I put it down.",
    )
    text = ask_verdict(make_judge(tmp_path), row, CLASSES).messages[1]["content"]

    assert "true: put plate; told: I put it down." in text


@pytest.mark.parametrize("kind", [TaskName.MQA, TaskName.DIRECT, TaskName.TEMPORAL_DETECTION])
def test_other_tasks_describe_nothing(kind: TaskName) -> None:
    with pytest.raises(DataError, match=f"of kind {kind} and has no description"):
        description_of(replace(caption_row(0, "x"), kind=kind))


@pytest.mark.parametrize("structured", Structured)
def test_servers_are_told_as_they_understand_it(tmp_path: Path, structured: Structured) -> None:
    body = ask_verdict(make_judge(tmp_path, structured=structured), caption_row(0, "x"), CLASSES).body
    kind = None if structured is Structured.NONE else str(structured)

    assert body.get("response_format", {}).get("type") == kind


@pytest.mark.parametrize("score", range(6))
def test_a_score_and_its_reason(score: int) -> None:
    assert parse_verdict(reply(json.dumps({"reason": " So\nit is. ", "score": score}))) == (score, "So it is.")


@pytest.mark.parametrize(
    ("value", "reason"),
    [
        ({"reason": "x", "score": 6}, Reason.WRONG_FIELDS),
        ({"reason": "x", "score": -1}, Reason.WRONG_FIELDS),
        ({"reason": "x", "score": 4.5}, Reason.WRONG_FIELDS),
        ({"reason": "x", "score": True}, Reason.WRONG_FIELDS),
        ({"reason": "x", "score": "4"}, Reason.WRONG_FIELDS),
        ({"reason": " ", "score": 4}, Reason.WRONG_FIELDS),
        ({"score": 4}, Reason.WRONG_FIELDS),
        ([4], Reason.WRONG_FIELDS),
    ],
)
def test_other_answers_are_refused(value: Any, reason: Reason) -> None:
    with pytest.raises(InvalidAnswer) as caught:
        parse_verdict(reply(json.dumps(value)))
    assert caught.value.reason is reason


def test_words_are_no_verdict() -> None:
    with pytest.raises(InvalidAnswer, match="not_json"):
        parse_verdict(reply("I give it 4 of 5."))
    with pytest.raises(InvalidAnswer, match=r"judge\.max_output_tokens"):
        parse_verdict(reply('{"reason": "It', finish_reason="length"))


def test_what_is_written_is_read(tmp_path: Path) -> None:
    write_jsonl(tmp_path / "v.jsonl", [VERDICT.to_row()])

    assert read_verdicts(tmp_path / "v.jsonl") == [VERDICT]


@pytest.mark.parametrize("changed", [{"score": 7}, {"score": None}, {"more": 1}, {"prompt": 3}])
def test_other_rows_are_refused(tmp_path: Path, changed: dict[str, Any]) -> None:
    write_jsonl(tmp_path / "v.jsonl", [{**VERDICT.to_row(), **changed}])

    with pytest.raises(DataError, match=r"v\.jsonl:1: verdict on 'caption/0'"):
        read_verdicts(tmp_path / "v.jsonl")


def test_the_prompt_holds_what_is_filled_in() -> None:
    with pytest.raises(ConfigError, match=r"judge\.prompt\.question"):
        replace(PROMPT, question="{caption}")


@pytest.mark.parametrize("name", ["gpt_4o", "openai", "local"])
def test_the_choices_can_be_composed(name: str) -> None:
    judge = compose_config("judge_captions", ["run=r", "task=t", f"judge={name}", "judge.model=m"]).judge

    assert all(word in judge.prompt.format for word in ('"reason"', '"score"'))
    assert (judge.key_variable is None) == (name == "local")
    with pytest.raises(ConfigError, match=r"judge\.num_answers = 0"):
        replace(judge, num_answers=0)
