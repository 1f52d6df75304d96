"""Descriptions judged by a server that misbehaves when told."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest

from llavaction.api.client import ServerError
from llavaction.api.costs import BudgetError
from llavaction.evaluation.judging.run import Judging
from llavaction.evaluation.judging.verdicts import read_verdicts
from llavaction.utils.errors import DataError
from llavaction.utils.jsonl import read_json
from tests.api.server import Answer, Asked, Raw, Server
from tests.api.worlds import KEY
from tests.evaluation.judging.worlds import caption_row, make_judge, write_run

pytestmark = pytest.mark.usefixtures("short_waits")

NUM_ROWS = 6


def number_of(asked: Asked) -> int:
    return int(re.findall(r"reference (\d+)", asked.text)[0])


def judge(asked: Asked) -> Answer:
    """As many points as the segment's number."""
    number = number_of(asked)
    return Answer(json.dumps({"reason": f"Because of {number}.", "score": number}))


@pytest.fixture(autouse=True)
def verdicts(server: Server) -> None:
    server.behave = judge


@pytest.fixture
def run(tmp_path: Path) -> Path:
    return write_run(tmp_path / "run", [caption_row(number, f"I see {number}.") for number in range(NUM_ROWS)])


def carry_out(run: Path, server: Server, **fields: Any) -> tuple[Judging, dict[str, Any]]:
    """Judge all that is open and write it."""
    judging = Judging(make_judge(run.parent, server.base_url, **fields), run, "caption")
    if judging.num_open:
        judging.ask(KEY, lambda: None)
    return judging, judging.write()


def test_scores_and_their_mean(run: Path, server: Server) -> None:
    judging, summary = carry_out(run, server, input_price=1.0, output_price=1.0)
    found = read_verdicts(run / "judged/caption.jsonl")

    judging.refuse_incomplete()
    assert [(one.score, one.reason) for one in found] == [(number, f"Because of {number}.") for number in range(6)]
    assert {(one.judge, one.prompt) for one in found} == {("tiny-lm", ("test", 2))}
    assert read_json(run / "judged/caption.json") == json.loads(json.dumps(summary))
    assert summary["score"]["value"] == 2.5
    # Three videos with means 0.5, 2.5 and 4.5: the interval is over these.
    assert (summary["score"]["low"], summary["score"]["high"]) == pytest.approx((0.5, 4.5), abs=0.7)
    assert (summary["score"]["num_rows"], summary["score"]["num_clusters"]) == (6, 3)
    assert summary["requests"] == {"asked": 6, "cached": 0}
    assert summary["spent"] == pytest.approx(6 * 140 / 1e6)


def test_a_second_time_costs_nothing(run: Path, server: Server) -> None:
    carry_out(run, server)
    before = (run / "judged/caption.jsonl").read_bytes()
    judging, summary = carry_out(run, server)

    assert judging.num_open == 0
    assert len(server.asked) == NUM_ROWS
    assert summary["requests"] == {"asked": 0, "cached": 6}
    assert (run / "judged/caption.jsonl").read_bytes() == before


def test_no_mean_of_a_part(run: Path, server: Server) -> None:
    server.behave = lambda asked: Raw(500) if number_of(asked) == 3 else judge(asked)
    judging, summary = carry_out(run, server, max_retries=0)

    assert (summary["complete"], summary["score"]) == (False, None)
    assert len(read_verdicts(run / "judged/caption.jsonl")) == 5
    assert [one["sample_id"] for one in summary["failed"]] == ["caption/3"]
    with pytest.raises(ServerError, match=r"1 of 6 descriptions.*'caption/3': server_fault"):
        judging.refuse_incomplete()
    server.behave = judge
    judging, summary = carry_out(run, server)
    judging.refuse_incomplete()
    assert summary["score"]["value"] == 2.5
    assert len(server.asked) == NUM_ROWS + 1


def test_answers_that_are_none_are_asked_for_again(run: Path, server: Server) -> None:
    server.behave = lambda asked: Answer("4 of 5") if asked.number < 2 else judge(asked)
    judging, _ = carry_out(run, server, num_answers=2)

    with pytest.raises(ServerError, match=r"not_json.*judge\.num_answers"):
        judging.refuse_incomplete()
    again, summary = carry_out(run, server, num_answers=3)
    again.refuse_incomplete()
    assert len(server.asked) == 3 * NUM_ROWS
    assert summary["requests"] == {"asked": 6, "cached": 12}


def test_the_budget_is_kept(run: Path, server: Server) -> None:
    prices = {"input_price": 1.0, "output_price": 10.0, "max_output_tokens": 100, "concurrency": 1}
    judging, summary = carry_out(run, server, budget=0.0033, **prices)

    with pytest.raises(BudgetError, match=r"judge\.budget = 0\.0033\n3 of 6 descriptions"):
        judging.refuse_incomplete()
    assert summary["spent"] == pytest.approx(3 * 0.00104)


def test_a_wrong_key(run: Path, server: Server) -> None:
    server.behave = lambda asked: Raw(401, json.dumps({"error": {"message": f"no {KEY}"}}))
    judging, _ = carry_out(run, server)

    with pytest.raises(ServerError, match="OPENAI_API_KEY") as caught:
        judging.refuse_incomplete()
    assert KEY not in str(caught.value)
    assert all(KEY.encode() not in path.read_bytes() for path in run.parent.rglob("*") if path.is_file())


def test_a_clip_without_video_has_nothing_to_judge(tmp_path: Path, server: Server) -> None:
    rows = [caption_row(0, "I see 0."), caption_row(1, None, excluded="no such file")]
    judging, summary = carry_out(write_run(tmp_path / "run", rows), server)

    judging.refuse_incomplete()
    assert (summary["num_excluded"], summary["score"]["num_rows"]) == (1, 1)
    assert len(server.asked) == 1


def test_a_task_that_is_not_there(run: Path) -> None:
    with pytest.raises(DataError, match=r"captions\.jsonl: no such file; did you mean 'caption'\?.*\(finished tasks"):
        Judging(make_judge(run.parent), run, "captions")


def test_an_estimate(run: Path) -> None:
    judging = Judging(make_judge(run.parent, input_price=1.0, output_price=1.0), run, "caption")

    assert re.fullmatch(
        r"6 descriptions, 0 of them settled; 6 requests to tiny-lm; about \d+ input and 300 output tokens for about "
        r"0\.00",
        judging.estimate(),
    )
