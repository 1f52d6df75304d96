"""Whole runs against a server that misbehaves."""

from __future__ import annotations

import json
import threading
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from llavaction.api.asking import MOST_IN_A_ROW
from llavaction.api.client import ServerError
from llavaction.api.config import Structured
from llavaction.api.costs import BudgetError
from llavaction.api.reasons import Reason
from llavaction.sft.annotator.asker import Asker
from llavaction.sft.annotator.records import ClipAnnotation, Failure, PromptVersion, SegmentReason
from llavaction.sft.annotator.results import write_results
from llavaction.video.encoding import write_h264
from llavaction.video.layout import VideoConfig
from tests.api.server import COMPLETION_TOKENS, PROMPT_TOKENS, Answer, Asked, Cut, Raw, Server, Slow
from tests.api.worlds import FPS, NUM_SEGMENTS, SEGMENTS, make_segment, write_video
from tests.sft.annotator.worlds import make_config, open_run, reasons, run

pytestmark = [pytest.mark.usefixtures("short_waits"), pytest.mark.thorough]


def number_of(asked: Asked) -> str:
    """Number of the segment that a request is about."""
    words = asked.text.split(" in ")[0] if asked.kind == "pairs" else asked.text
    return words.split("take plate ")[1].split()[0]


def test_every_segment_is_annotated(tmp_path: Path, video: VideoConfig, server: Server) -> None:
    asker = run(make_config(tmp_path, server.base_url), video)
    annotations = [outcome for outcome in asker.outcomes if isinstance(outcome, ClipAnnotation)]

    assert len(annotations) == NUM_SEGMENTS
    assert {annotation.segment_id for annotation in annotations} == {segment.segment_id for segment in SEGMENTS}
    assert all(annotation.model == "tiny-vlm" for annotation in annotations)
    assert all(annotation.prompt == PromptVersion("test", 7) for annotation in annotations)
    assert all(len(annotation.pairs) == 3 for annotation in annotations)
    assert asker.stop is None
    assert (asker.num_asked, asker.num_retries) == (2 * NUM_SEGMENTS, 0)
    assert asker.spending.tokens.input == NUM_SEGMENTS * sum(PROMPT_TOKENS.values())
    assert asker.spending.tokens.output == 2 * NUM_SEGMENTS * COMPLETION_TOKENS


def test_questions_are_about_the_caption_of_the_same_clip(tmp_path: Path, video: VideoConfig, server: Server) -> None:
    asker = run(make_config(tmp_path, server.base_url), video)
    captions = {outcome.caption for outcome in asker.outcomes if isinstance(outcome, ClipAnnotation)}
    names = {number_of(asked): asked.name for asked in server.of_kind("caption")}

    assert captions == {f"I do {name}." for name in names.values()}
    for asked in server.of_kind("pairs"):
        assert f"I do {names[number_of(asked)]}." in asked.text


def misbehave_by_number(asked: Asked) -> Any:
    """Every kind of trouble, each for one segment."""
    passing = {"1": Raw(429, "", {"Retry-After": "0"}), "2": Raw(500), "3": Cut(), "4": Slow(0.6)}
    lasting = {
        "5": Answer("I see a plate."),
        "6": Answer(None, {"refusal": "I cannot help with that."}),
        "7": Answer(json.dumps({"agrees": "yes", "caption": 3})),
        "8": Answer(json.dumps({"agrees": False, "caption": "An empty sink."})),
        "9": Answer('{"agrees": true, "caption": "I ta', finish_reason="length"),
    }
    number = number_of(asked)
    if asked.kind == "pairs":
        return None
    return passing.get(number) if asked.number == 0 and number in passing else lasting.get(number)


def test_trouble_of_every_kind(tmp_path: Path, video: VideoConfig, server: Server) -> None:
    server.behave = misbehave_by_number
    asker = run(make_config(tmp_path, server.base_url, timeout_s=0.3, num_answers=2), video)

    assert reasons(asker) == {
        "5": Reason.NOT_JSON,
        "6": Reason.REFUSED,
        "7": Reason.WRONG_FIELDS,
        "8": SegmentReason.DISAGREES,
        "9": Reason.CUT_OFF,
    }
    assert len(asker.outcomes) == NUM_SEGMENTS
    # Five good captions, the disagreement, four invalid ones twice, and pairs for the good ones.
    assert (asker.num_asked, asker.num_retries) == (5 + 1 + 8 + 5, 4)
    assert len(server.asked) == asker.num_asked + asker.num_retries
    details = {outcome.segment_id[-1]: outcome.detail for outcome in asker.outcomes if isinstance(outcome, Failure)}
    assert details["8"] == "An empty sink."
    assert "I cannot help" in details["6"]
    assert "I see a plate." in details["5"]


def test_the_result_does_not_depend_on_time(tmp_path: Path, video: VideoConfig, server: Server) -> None:
    server.behave = misbehave_by_number
    files = []
    for name, concurrency in (("one", 1), ("many", 8)):
        config = make_config(tmp_path / name, server.base_url, timeout_s=0.3, concurrency=concurrency)
        plan, asker = open_run(config, video)
        asker.run("key")
        write_results(tmp_path / name, config, plan, asker, {})
        files.append([(tmp_path / name / f"{stem}.jsonl").read_bytes() for stem in ("annotations", "failures")])

    assert files[0] == files[1]
    rows = [json.loads(line) for line in files[0][0].splitlines()]
    assert [row["segment_id"] for row in rows] == sorted(row["segment_id"] for row in rows)


def test_an_invalid_answer_is_asked_again(tmp_path: Path, video: VideoConfig, server: Server) -> None:
    server.behave = lambda asked: Answer('{"pairs": []}') if asked.kind == "pairs" and asked.number < 2 else None
    config = make_config(tmp_path, server.base_url, num_answers=3, limit=2)
    asker = run(config, video)

    assert reasons(asker) == {}
    assert len(server.of_kind("pairs")) == 6
    # All three answers are kept, so that the next run finds the same.
    assert open_run(config, video)[0].num_cached == 2 + 6


def test_more_answers_are_asked_for_where_all_were_invalid(tmp_path: Path, video: VideoConfig, server: Server) -> None:
    server.behave = lambda asked: Answer("no JSON") if asked.number < 2 else None
    config = make_config(tmp_path, server.base_url, num_answers=2, limit=1)

    assert list(reasons(run(config, video)).values()) == [Reason.NOT_JSON]
    assert len(server.asked) == 2
    assert reasons(run(replace(config, num_answers=3), video)) == {}
    assert [asked.kind for asked in server.asked] == ["caption"] * 3 + ["pairs"] * 3


@pytest.mark.parametrize("concurrency", [1, 3])
def test_no_more_requests_in_flight_than_allowed(
    tmp_path: Path, video: VideoConfig, server: Server, concurrency: int
) -> None:
    server.delay_s = 0.05
    run(make_config(tmp_path, server.base_url, concurrency=concurrency, limit=6), video)

    assert server.most_in_flight == concurrency


def test_no_more_requests_per_minute_than_allowed(tmp_path: Path, video: VideoConfig, server: Server) -> None:
    run(make_config(tmp_path, server.base_url, requests_per_minute=600, limit=3), video)
    times = sorted(asked.at_s for asked in server.asked)

    assert len(times) == 6
    # Sent 0.1 s apart; the first may be long on its way.
    assert times[-1] - times[0] >= 0.4


def test_the_budget_is_kept(tmp_path: Path, video: VideoConfig, server: Server) -> None:
    # 0.002 for a caption, 0.00104 for pairs.
    options = {"input_price": 1.0, "output_price": 10.0, "max_output_tokens": 100, "short_side": 100}
    config = make_config(tmp_path, server.base_url, budget=0.0155, **options)
    asker = run(config, video)

    assert isinstance(asker.stop, BudgetError)
    assert asker.spending.money is not None
    assert 0.005 < asker.spending.money <= 0.0155
    assert 0 < len(asker.outcomes) < NUM_SEGMENTS
    # What is paid for is kept: with more money, nothing is asked twice.
    assert len(run(replace(config, budget=100.0), video).outcomes) == NUM_SEGMENTS
    assert server.repeated() == 0
    assert len(server.asked) == 2 * NUM_SEGMENTS


def test_what_was_set_aside_is_given_back(tmp_path: Path, video: VideoConfig, server: Server) -> None:
    options = {"input_price": 1.0, "output_price": 10.0, "max_output_tokens": 200, "short_side": 100}
    asker = run(make_config(tmp_path, server.base_url, budget=0.04, concurrency=1, **options), video)

    assert asker.stop is None
    # Twice 200 tokens were set aside for each segment, of which half were written.
    assert asker.spending.money == pytest.approx(NUM_SEGMENTS * (0.002 + 0.00104))


def test_a_wrong_key_ends_the_run_at_once(tmp_path: Path, video: VideoConfig, server: Server) -> None:
    server.behave = lambda asked: Raw(401, '{"error": {"message": "Incorrect API key"}}')
    asker = run(make_config(tmp_path, server.base_url, concurrency=3), video)

    assert isinstance(asker.stop, ServerError)
    assert "OPENAI_API_KEY" in str(asker.stop)
    assert asker.outcomes == []
    assert len(server.asked) <= 3


def test_requests_in_flight_are_kept_when_the_run_ends(tmp_path: Path, video: VideoConfig, server: Server) -> None:
    others_are_here = threading.Event()

    def behave(asked: Asked) -> Any:
        if number_of(asked) == "0":
            others_are_here.wait(5)
            return Raw(403)
        if server.in_flight == 4:
            others_are_here.set()
        threading.Event().wait(0.2)
        return None

    server.behave = behave
    config = make_config(tmp_path, server.base_url)
    asker = run(config, video)

    assert isinstance(asker.stop, ServerError)
    assert (asker.num_asked, len(server.asked)) == (3, 4)
    assert len(list(asker.frames.folder.rglob("*.json"))) == 4  # no other segment is decoded
    assert open_run(config, video)[0].num_cached == 3


def test_a_server_that_is_down_is_given_up(tmp_path: Path, video: VideoConfig) -> None:
    segments = [make_segment(number, start_s=1.0, stop_s=2.0) for number in range(40)]
    asker = run(make_config(tmp_path, max_retries=1), video, segments)

    assert isinstance(asker.stop, ServerError)
    assert "whether the server is running" in str(asker.stop)
    assert MOST_IN_A_ROW <= len(asker.outcomes) < MOST_IN_A_ROW + 4
    assert set(reasons(asker).values()) == {Reason.NO_CONNECTION}


def test_a_server_without_schemas_is_given_up(tmp_path: Path, video: VideoConfig, server: Server) -> None:
    server.behave = lambda asked: Raw(400) if "response_format" in asked.body else None
    config = make_config(tmp_path, server.base_url)
    asker = run(config, video)

    assert "annotator.structured=json_object or none" in str(asker.stop)
    assert len(server.asked) == MOST_IN_A_ROW
    assert reasons(run(replace(config, structured=Structured.NONE), video)) == {}


def test_one_clip_that_the_server_rejects_is_listed(tmp_path: Path, video: VideoConfig, server: Server) -> None:
    server.behave = lambda asked: Raw(400, "unsafe image") if number_of(asked) == "4" else None
    asker = run(make_config(tmp_path, server.base_url), video)

    assert asker.stop is None
    assert reasons(asker) == {"4": Reason.REJECTED}


def test_many_that_the_server_rejects_between_others_are_listed(
    tmp_path: Path, video: VideoConfig, server: Server
) -> None:
    segments = [make_segment(number, start_s=1.0, stop_s=2.0) for number in range(2 * MOST_IN_A_ROW + 2)]
    server.behave = lambda asked: Raw(400) if int(number_of(asked)) % 2 else None
    asker = run(make_config(tmp_path, server.base_url, concurrency=1), video, segments)

    assert asker.stop is None
    assert len(reasons(asker)) == MOST_IN_A_ROW + 1


def test_what_the_server_left_unanswered_is_asked_again(tmp_path: Path, video: VideoConfig, server: Server) -> None:
    server.behave = lambda asked: Raw(500) if number_of(asked) == "4" else None
    config = make_config(tmp_path, server.base_url, max_retries=1)
    assert reasons(run(config, video)) == {"4": Reason.SERVER_FAULT}
    server.behave = lambda asked: None
    server.asked.clear()

    assert reasons(run(config, video)) == {}
    assert len(server.asked) == 2


def test_equal_clips_are_asked_about_once(tmp_path: Path, video: VideoConfig, server: Server) -> None:
    server.delay_s = 0.02
    twins = [make_segment(3), make_segment(3, segment_id="P01_01_99")]
    asker = run(make_config(tmp_path, server.base_url), video, twins)

    assert len(server.asked) == 2
    assert len({outcome.caption for outcome in asker.outcomes if isinstance(outcome, ClipAnnotation)}) == 1
    assert len(asker.outcomes) == 2


def test_processes_that_share_a_cache_go_on_from_the_same_answers(
    tmp_path: Path, video: VideoConfig, server: Server
) -> None:
    # No reply like another, and two runs that ask the same at once.
    counter = iter(range(1000))

    def behave(asked: Asked) -> Any:
        if asked.kind == "caption":
            return Answer(json.dumps({"agrees": True, "caption": f"Number {next(counter)}."}))
        return None

    server.behave = behave
    config = make_config(tmp_path, server.base_url, concurrency=2)
    askers = [open_run(config, video)[1] for _ in range(2)]
    for number, asker in enumerate(askers):
        asker.frames.folder = tmp_path / str(number)  # threads of one process, unlike processes, would collide here
    threads = [threading.Thread(target=asker.run, args=("key",)) for asker in askers]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert len(askers[0].outcomes) == NUM_SEGMENTS
    assert _sorted(askers[0]) == _sorted(askers[1])
    num_asked = len(server.asked)
    assert _sorted(run(config, video)) == _sorted(askers[0])
    assert len(server.asked) == num_asked


def test_a_video_that_breaks_off_is_listed(tmp_path: Path, server: Server) -> None:
    video = write_video(tmp_path, seconds=9)
    asker = run(make_config(tmp_path, server.base_url), video)
    found = [outcome for outcome in asker.outcomes if isinstance(outcome, Failure)]

    assert {failure.reason for failure in found} == {SegmentReason.VIDEO}
    assert {failure.segment_id[-1] for failure in found} == {"5", "6", "7", "8", "9"}
    assert "the video ends at 9.00 s" in found[0].detail


def test_another_film_under_the_same_name_is_asked_about_anew(tmp_path: Path, server: Server) -> None:
    video, config = write_video(tmp_path), make_config(tmp_path, server.base_url, limit=1)
    run(config, video)
    path = Path(video.folder) / "P01" / "P01_01.MP4"
    write_h264(path, (np.full((64, 96, 3), 90, np.uint8) for _ in range(20 * FPS)), FPS)
    run(config, video)

    assert len(server.of_kind("caption")) == 2
    assert server.repeated() == 0


def test_progress_is_told(tmp_path: Path, video: VideoConfig, server: Server) -> None:
    told: list[tuple[int, float | None]] = []
    config = make_config(tmp_path, server.base_url, limit=4, input_price=0.0, output_price=1.0)
    plan, asker = open_run(config, video)
    Asker(config, plan, asker.frames, asker.cache, lambda done, money: told.append((done, money))).run("key")

    assert [done for done, _ in told] == [1, 2, 3, 4]
    assert told[-1][1] == pytest.approx(8 * COMPLETION_TOKENS / 1e6)


def _sorted(asker: Asker) -> list[str]:
    return sorted(map(repr, asker.outcomes))
