"""Whole evaluations of a model on a server that misbehaves when told."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from llavaction.api.asking import MOST_IN_A_ROW
from llavaction.api.client import ServerError
from llavaction.api.costs import BudgetError
from llavaction.api.reasons import Reason
from llavaction.evaluation.config import BadVideo, OptionOrder, TaskName
from llavaction.evaluation.contestants.run import Evaluation
from llavaction.sft.classes import ClassTable
from llavaction.utils.errors import ConfigError, DataError, VideoError
from llavaction.utils.jsonl import read_json, read_jsonl
from llavaction.video.layout import VideoConfig, VideoLayout
from tests.api.server import COMPLETION_TOKENS, PROMPT_TOKENS, Answer, Asked, Raw, Server
from tests.api.worlds import write_video
from tests.evaluation.contestants.worlds import (
    KEY,
    MODEL,
    NUM_QUESTIONS,
    PROMPT,
    World,
    choose_last,
    make_api,
    open_run,
    options_in,
    rows_of,
    task_of,
)

pytestmark = [pytest.mark.usefixtures("short_waits"), pytest.mark.thorough]


@pytest.fixture(autouse=True)
def key(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", KEY)


@pytest.fixture(autouse=True)
def answers(server: Server) -> None:
    server.behave = choose_last


def mqa(world: World, folder: Path, server: Server, *, api: dict[str, Any] | None = None, **fields: Any) -> Evaluation:
    """The questions with choices, to be answered."""
    tasks = {"mqa": task_of(world, TaskName.MQA, **fields.pop("task", {}))}
    return open_run(world, folder, make_api(folder, server.base_url, **(api or {})), tasks, **fields)


def costs(folder: Path) -> dict[str, Any]:
    found: dict[str, Any] = read_json(folder / "run" / "costs.json")
    return found


def words_shown(asked: Asked) -> str:
    text: str = asked.body["messages"][1]["content"][-1]["text"]
    return text


def test_every_question_is_shown_as_the_sample_has_it(world: World, tmp_path: Path, server: Server) -> None:
    mqa(world, tmp_path, server).finish()
    samples = {sample.question: sample for sample in world.samples(TaskName.MQA)}

    assert len(server.asked) == NUM_QUESTIONS
    for asked in server.asked:
        system, user = asked.body["messages"]
        assert system == {"role": "system", "content": PROMPT.system}
        assert [part["type"] for part in user["content"]] == ["image_url"] * 3 + ["text"]
        assert asked.text.removesuffix(f"\n\n{PROMPT.choice}") in samples
        assert asked.body["model"] == MODEL
        assert asked.body["max_completion_tokens"] == 32
        assert "response_format" not in asked.body


def test_rows_metrics_and_costs(world: World, tmp_path: Path, server: Server) -> None:
    metrics = mqa(world, tmp_path, server, api={"input_price": 1.0, "output_price": 10.0}).finish()
    rows, samples = rows_of(tmp_path, "mqa"), world.samples(TaskName.MQA)

    assert [row.sample_id for row in rows] == [sample.sample_id for sample in samples]
    for row, sample in zip(rows, samples, strict=True):
        assert row.options == tuple(option.text for option in sample.options)
        assert (row.chosen_idx, row.raw) == (len(sample.options) - 1, sample.options[-1].answer)
        assert row.predicted == (*sample_pair(world, sample.options[-1].action_id), sample.options[-1].action_id)
    right = sum(sample.answer_idx == len(sample.options) - 1 for sample in samples) / len(samples)
    assert metrics["mqa"]["accuracy"] == right
    assert read_json(tmp_path / "run" / "metrics.json") == metrics
    total = costs(tmp_path)["total"]
    assert total["requests"] == {"asked": 4, "cached": 0, "retried": 0, "refused": 0, "without_token_counts": 0}
    assert total["tokens"] == {"input": 4 * PROMPT_TOKENS["caption"], "output": 4 * COMPLETION_TOKENS}
    assert total["spent"] == pytest.approx(4 * (1000 + 100 * 10) / 1e6)
    assert costs(tmp_path)["runs"][0]["models"] == {f"{MODEL}-2025": 4}


def sample_pair(world: World, action_id: int) -> tuple[int, int]:
    classes = ClassTable.load(world.sft)
    return classes.verb_noun(classes.actions[action_id])


def test_a_run_that_went_on_is_the_same(world: World, tmp_path: Path, server: Server) -> None:
    mqa(world, tmp_path / "whole", server).finish()
    whole = (tmp_path / "whole/run/rows/mqa.jsonl").read_bytes()
    server.behave = lambda asked: Raw(500) if "wash plate" in asked.text else choose_last(asked)
    with pytest.raises(ServerError, match=r"of 4 questions are without an answer.*the same command goes on"):
        mqa(world, tmp_path, server, api={"max_retries": 0}).finish()
    listed = list(read_jsonl(tmp_path / "run/unanswered.jsonl"))
    assert not (tmp_path / "run/metrics.json").exists()
    assert {row["reason"] for row in listed} == {"server_fault"}
    assert {row["task"] for row in listed} == {"mqa"}
    server.behave, before = choose_last, len(server.asked)
    mqa(world, tmp_path, server).finish()

    assert len(server.asked) - before == len(listed) > 0
    assert (tmp_path / "run/rows/mqa.jsonl").read_bytes() == whole
    assert list((tmp_path / "run/rows").iterdir()) == [tmp_path / "run/rows/mqa.jsonl"]
    assert not (tmp_path / "run/unanswered.jsonl").exists()
    assert [run["requests"]["asked"] for run in costs(tmp_path)["runs"]] == [4 - len(listed), len(listed)]
    assert costs(tmp_path)["total"]["requests"]["asked"] == 4


def test_replies_that_are_kept_cost_nothing_in_another_folder(world: World, tmp_path: Path, server: Server) -> None:
    mqa(world, tmp_path, server).finish()
    rows = (tmp_path / "run/rows/mqa.jsonl").read_bytes()
    other = tmp_path / "other"
    again = mqa(world, other, server, api={"cache": str(tmp_path / "cache")})

    assert "4 of them settled; 0 requests to tiny-vlm and 4 cached replies" in again.estimate
    again.finish()
    assert len(server.asked) == NUM_QUESTIONS
    assert (other / "run/rows/mqa.jsonl").read_bytes() == rows
    assert costs(other)["total"]["requests"] == {
        "asked": 0,
        "cached": 4,
        "retried": 0,
        "refused": 0,
        "without_token_counts": 0,
    }
    assert costs(other)["runs"][0]["models"] == {f"{MODEL}-2025": 4}


@pytest.mark.parametrize("order", OptionOrder)
def test_orders(world: World, tmp_path: Path, server: Server, order: OptionOrder) -> None:
    mqa(world, tmp_path, server, task={"order": order}, seed=4).finish()
    rows = rows_of(tmp_path, "mqa")
    num_options = len(rows[0].options)
    shown = {tuple(options_in(asked.text).values()) for asked in server.asked}

    assert len(server.asked) == NUM_QUESTIONS * (num_options if order is OptionOrder.CYCLIC else 1)
    assert server.repeated() == 0
    for row in rows:
        orders = [trial.order for trial in row.trials] or [tuple(range(num_options))]
        # What was shown last was chosen, whatever its letter.
        assert [trial.chosen_idx for trial in row.trials] == [trial.order[-1] for trial in row.trials]
        assert {tuple(row.options[idx] for idx in order) for order in orders} <= shown
    if order is OptionOrder.CYCLIC:
        assert all({trial.chosen_idx for trial in row.trials} == set(range(num_options)) for row in rows)
        assert all(row.raw is None and row.trials[0].raw for row in rows)
    if order is OptionOrder.SHUFFLED:
        assert any(row.trials for row in rows)


def test_a_question_that_is_half_asked_is_finished(world: World, tmp_path: Path, server: Server) -> None:
    cyclic = {"task": {"order": OptionOrder.CYCLIC}}
    api = {"concurrency": 1, "input_price": 1.0, "output_price": 0.0, "short_side": 64, "frame_tokens": 330}
    # Each request costs 0.001: room for four of the twelve.
    with pytest.raises(BudgetError, match=r"api\.budget = 0\.005"):
        mqa(world, tmp_path, server, api={**api, "budget": 0.005}, **cyclic).finish()
    num_asked = len(server.asked)
    again = mqa(world, tmp_path, server, api=api, **cyclic)

    assert 3 <= num_asked <= 5
    assert f"{12 - num_asked} requests to tiny-vlm and {num_asked % 3} cached replies" in again.estimate
    again.finish()
    assert len(server.asked) == 12
    assert server.repeated() == 0


def test_a_second_stage_chooses_among_candidates(world: World, tmp_path: Path, server: Server) -> None:
    tasks = {"two": task_of(world, TaskName.TWO_STAGE, num_candidates=[2, 4])}
    metrics = open_run(world, tmp_path, make_api(tmp_path, server.base_url), tasks).finish()
    rows = rows_of(tmp_path, "two")

    assert [len(trial.order) for trial in rows[0].trials] == [2, 4]
    assert all(row.chosen_idx == 3 and row.top_actions[0] == row.option_actions[3] for row in rows)
    assert {"action_at_2", "action_at_4", "recall"} <= metrics["two"].keys()


def test_a_description_stands_before_the_question(world: World, tmp_path: Path, server: Server) -> None:
    def behave(asked: Asked) -> Answer:
        described = "Describe it." in words_shown(asked)
        return Answer(f"I see {asked.name}.") if described and len(asked.body["messages"]) == 2 else choose_last(asked)

    server.behave = behave
    tasks = {"then": task_of(world, TaskName.CAPTION_THEN_ANSWER)}
    open_run(world, tmp_path, make_api(tmp_path, server.base_url), tasks, max_caption_tokens=99).finish()
    second = [asked for asked in server.asked if len(asked.body["messages"]) == 4]

    assert len(server.asked) == 2 * NUM_QUESTIONS
    assert {row.caption for row in rows_of(tmp_path, "then")} == {
        asked.body["messages"][2]["content"] for asked in second
    }
    for asked in second:
        _, first, described, question = asked.body["messages"]
        assert first["content"][-1]["text"] == f"Describe it.\n\n{PROMPT.caption}"
        assert described == {"role": "assistant", "content": described["content"]}
        assert described["content"].startswith("I see ")
        assert question["content"].startswith("Which is it?")
    limits = {len(asked.body["messages"]): asked.body["max_completion_tokens"] for asked in server.asked}
    assert limits == {2: 99, 4: 32}


def test_answers_in_words_of_its_own(world: World, tmp_path: Path, server: Server) -> None:
    said = {PROMPT.direct: "Open tap", PROMPT.temporal_detection: "1.00 to 2.50", PROMPT.caption: "I open a tap."}
    server.behave = lambda asked: Answer(said[asked.text.rpartition("\n\n")[2]])
    kinds = (TaskName.DIRECT, TaskName.TEMPORAL_DETECTION, TaskName.CAPTION)
    tasks = {str(kind): task_of(world, kind) for kind in kinds}
    metrics = open_run(world, tmp_path, make_api(tmp_path, server.base_url), tasks).finish()
    direct = {row.segment_id: row for row in rows_of(tmp_path, "direct")}

    assert len(server.asked) == 3 * NUM_QUESTIONS
    assert direct["P02_07_3"].predicted == direct["P02_07_3"].truth
    assert metrics["direct"]["action"] == pytest.approx(1 / NUM_QUESTIONS)
    assert all(row.span == (1.0, 2.5) for row in rows_of(tmp_path, "temporal_detection"))
    assert 0 < metrics["temporal_detection"]["mean_iou"] < 1
    assert {row.raw for row in rows_of(tmp_path, "caption")} == {"I open a tap."}
    assert rows_of(tmp_path, "caption")[0].answer == "This is P02_07_0."


def test_words_that_no_class_has(world: World, tmp_path: Path, server: Server) -> None:
    server.behave = lambda asked: Answer("???")
    tasks = {"direct": task_of(world, TaskName.DIRECT)}
    metrics = open_run(world, tmp_path, make_api(tmp_path, server.base_url), tasks).finish()

    assert all(row.predicted is None and row.top_actions == () for row in rows_of(tmp_path, "direct"))
    assert metrics["direct"]["num_unknown"] == NUM_QUESTIONS


def test_a_sequence_is_told_its_own_answers(world: World, tmp_path: Path, server: Server) -> None:
    tasks = {"sap": task_of(world, TaskName.SEQUENTIAL)}
    open_run(world, tmp_path, make_api(tmp_path, server.base_url), tasks).finish()
    rows = {row.segment_id: row for row in rows_of(tmp_path, "sap")}

    assert server.most_in_flight == 1
    for sample in world.samples(TaskName.SEQUENTIAL):
        row = rows[sample.segment_id or ""]
        assert row.told == tuple(rows[action.segment_id].options[-1] for action in sample.prior)
        assert any(all(f"- {text}, " in asked.text for text in row.told) for asked in server.asked)
    told = [sample for sample in world.samples(TaskName.SEQUENTIAL) if sample.prior]
    assert any(sample.prior[-1].text not in rows[sample.segment_id or ""].told for sample in told)


def test_a_sequence_goes_on_behind_the_question_that_failed(world: World, tmp_path: Path, server: Server) -> None:
    tasks = {"sap": task_of(world, TaskName.SEQUENTIAL)}
    whole = tmp_path / "whole"
    open_run(world, whole, make_api(whole, server.base_url), tasks).finish()
    server.asked.clear()
    server.behave = lambda asked: choose_last(asked) if len(server.asked) <= 2 else Raw(500)
    api = make_api(tmp_path, server.base_url, max_retries=0)
    with pytest.raises(ServerError, match="2 of 4 questions"):
        open_run(world, tmp_path, api, tasks).finish()
    assert len(server.asked) == 3
    server.behave = choose_last
    open_run(world, tmp_path, api, tasks).finish()

    assert rows_of(tmp_path, "sap") == rows_of(whole, "sap")


def test_whatever_a_model_writes_is_an_answer(world: World, tmp_path: Path, server: Server) -> None:
    texts = {
        "wash plate": Answer("I would say it is hard to tell."),
        "take cup": Answer(None, {"refusal": "I cannot help."}),
        "put plate": Answer("", finish_reason="content_filter"),
        "open tap": Answer("half \ud83d", finish_reason="length"),
    }
    samples = {sample.question: sample for sample in world.samples(TaskName.MQA)}

    def behave(asked: Asked) -> Answer:
        sample = samples[asked.text.removesuffix(f"\n\n{PROMPT.choice}")]
        return texts[sample.options[sample.answer_idx or 0].text]

    server.behave = behave
    metrics = mqa(world, tmp_path, server).finish()
    raw = {row.options[row.answer_idx or 0]: row.raw for row in rows_of(tmp_path, "mqa")}

    assert metrics["mqa"]["num_unparseable"] == NUM_QUESTIONS
    assert metrics["mqa"]["accuracy"] == 0
    assert raw == {
        "wash plate": "I would say it is hard to tell.",
        "take cup": "I cannot help.",
        "put plate": "",
        "open tap": "half \\ud83d",
    }
    assert costs(tmp_path)["total"]["requests"]["refused"] == 2


def test_a_model_that_only_thinks_is_no_answer(world: World, tmp_path: Path, server: Server) -> None:
    def behave(asked: Asked) -> Answer:
        has_room = asked.body["max_completion_tokens"] == 532
        return choose_last(asked) if has_room else Answer(None, finish_reason="length")

    server.behave = behave
    with pytest.raises(ServerError, match=r"cut_off, .*api\.reasoning_tokens"):
        mqa(world, tmp_path, server).finish()
    mqa(world, tmp_path, server, api={"reasoning_tokens": 500}).finish()

    assert len(rows_of(tmp_path, "mqa")) == NUM_QUESTIONS


def test_a_wrong_key_ends_the_run_at_once(world: World, tmp_path: Path, server: Server) -> None:
    server.behave = lambda asked: Raw(401, json.dumps({"error": {"message": f"wrong key {KEY}"}}))

    with pytest.raises(ServerError, match=r"OPENAI_API_KEY\n4 of 4 questions") as caught:
        mqa(world, tmp_path, server).finish()
    assert KEY not in str(caught.value)
    assert KEY not in (tmp_path / "run/costs.json").read_text()
    assert costs(tmp_path)["runs"][0]["stopped"].endswith("OPENAI_API_KEY")


def test_a_key_that_is_not_set(world: World, tmp_path: Path, server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("OPENAI_API_KEY")

    with pytest.raises(ConfigError, match=r"OPENAI_API_KEY is not set.*api\.key_variable=null"):
        mqa(world, tmp_path, server).finish()
    assert server.asked == []


def test_requests_that_the_server_rejects(world: World, tmp_path: Path, server: Server) -> None:
    server.behave = lambda asked: Raw(400, "unsafe") if "wash plate" in asked.text else choose_last(asked)

    with pytest.raises(ServerError, match=f"{Reason.REJECTED}, 400: "):
        mqa(world, tmp_path, server).finish()
    assert 0 < len(list(read_jsonl(tmp_path / "run/unanswered.jsonl"))) < NUM_QUESTIONS < MOST_IN_A_ROW


@pytest.mark.parametrize("text", ["<html>oops</html>", '{"choices": []}', '{"choices": [{"message": {"content": 3}}]}'])
def test_what_is_no_chat_completion_is_asked_again(world: World, tmp_path: Path, server: Server, text: str) -> None:
    server.behave = lambda asked: Raw(200, text) if asked.number == 0 else choose_last(asked)
    mqa(world, tmp_path, server).finish()

    assert len(server.asked) == 2 * NUM_QUESTIONS
    assert costs(tmp_path)["total"]["requests"]["retried"] == NUM_QUESTIONS


def test_a_missing_video_ends_the_run_before_anything_is_paid(world: World, tmp_path: Path, server: Server) -> None:
    nowhere = VideoConfig(str(tmp_path), layout=VideoLayout.WHOLE)

    with pytest.raises(VideoError, match=r"sample '.*P02_07_0'.*evaluation\.bad_video=exclude"):
        mqa(world, tmp_path, server, video=nowhere)
    assert server.asked == []


def short_film(folder: Path) -> VideoConfig:
    """A film that ends before the last of the four segments."""
    return write_video(folder / "short", seconds=14, video_id="P02_07")


def test_a_video_that_breaks_off_ends_the_run(world: World, tmp_path: Path, server: Server) -> None:
    with pytest.raises(VideoError, match=r"P02_07_3.*bad_video=exclude\n\d of 4 questions"):
        mqa(world, tmp_path, server, video=short_film(tmp_path)).finish()
    assert costs(tmp_path)["runs"][0]["stopped"]


def test_questions_about_bad_videos_are_reported(world: World, tmp_path: Path, server: Server) -> None:
    metrics = mqa(world, tmp_path, server, video=short_film(tmp_path), bad_video=BadVideo.EXCLUDE).finish()
    rows = {row.segment_id: row for row in rows_of(tmp_path, "mqa")}

    assert metrics["mqa"]["num_questions"] == 3
    assert metrics["mqa"]["num_excluded"] == 1
    assert "the video ends at 14.00 s" in (rows["P02_07_3"].excluded or "")
    assert len(server.asked) == 3


def test_a_missing_video_is_reported_too(world: World, tmp_path: Path, server: Server) -> None:
    nowhere = VideoConfig(str(tmp_path), layout=VideoLayout.WHOLE)

    # Every question is excluded, and a figure over none would mean nothing.
    with pytest.raises(DataError, match="none of the 4 questions has an answer"):
        mqa(world, tmp_path, server, video=nowhere, bad_video=BadVideo.EXCLUDE).finish()
    assert all(row.excluded for row in rows_of(tmp_path, "mqa"))
    assert server.asked == []


def test_a_finished_run_is_left_as_it_is(world: World, tmp_path: Path, server: Server) -> None:
    metrics = mqa(world, tmp_path, server).finish()
    before = {path: path.read_bytes() for path in (tmp_path / "run").rglob("*") if path.is_file()}

    assert mqa(world, tmp_path, server).finish() == metrics
    assert {path: path.read_bytes() for path in (tmp_path / "run").rglob("*") if path.is_file()} == before
    assert len(server.asked) == NUM_QUESTIONS


def test_an_estimate_is_near_what_is_asked(world: World, tmp_path: Path, server: Server) -> None:
    api = {"input_price": 1.0, "output_price": 1.0, "frame_tokens": 300}
    evaluation = mqa(world, tmp_path, server, api=api)
    plan = evaluation.plan

    assert (plan.num_open, plan.num_requests, plan.num_cached) == (4, 4, 0)
    assert 4 * 3 * 300 < plan.tokens.input < 4 * (3 * 300 + 60)
    assert plan.tokens.output == 4 * 32
    assert evaluation.estimate.startswith("4 questions, 0 of them settled; 4 requests to tiny-vlm and 0 cached")
    assert server.asked == []
    assert not (tmp_path / "run").exists()


def test_samples_that_were_built_anew_are_refused(world: World, tmp_path: Path, server: Server) -> None:
    mqa(world, tmp_path, server).finish()
    path = tmp_path / "run/rows/mqa.jsonl"
    path.write_text(path.read_text().replace('"question_sha256":"', '"question_sha256":"0'))

    with pytest.raises(DataError, match="another question"):
        mqa(world, tmp_path, server)


def test_tasks_share_a_run(world: World, tmp_path: Path, server: Server) -> None:
    tasks = {"given": task_of(world, TaskName.MQA), "few": replace(task_of(world, TaskName.MQA), limit=2)}
    metrics = open_run(world, tmp_path, make_api(tmp_path, server.base_url), tasks).finish()

    assert {name: figures["num_questions"] for name, figures in metrics.items()} == {"given": 4, "few": 2}
    # The same requests, which go out once.
    assert len(server.asked) == NUM_QUESTIONS
