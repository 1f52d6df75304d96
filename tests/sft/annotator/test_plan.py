from __future__ import annotations

import json
import random
from pathlib import Path

import pytest

from llavaction.api.costs import ANSWER_TOKENS, Tokens, image_tokens
from llavaction.sft.annotator.plan import choose_segments
from llavaction.sft.annotator.results import describe_plan
from llavaction.utils.errors import VideoError
from llavaction.video.layout import VideoConfig
from tests.api.server import Answer, Asked, Server
from tests.api.worlds import NUM_SEGMENTS, SEGMENTS, make_segment
from tests.sft.annotator.worlds import make_config, open_run, run

MANY = [make_segment(number) for number in range(200)]


def ids(limit: int | None, seed: int = 0, shuffle: int = 0) -> list[str]:
    segments = list(MANY)
    random.Random(shuffle).shuffle(segments)
    return [segment.segment_id for segment in choose_segments(segments, limit, seed)]


def test_the_choice_depends_on_seed_and_ids_alone() -> None:
    assert ids(20) == ids(20, shuffle=1)
    assert ids(20) != ids(20, seed=1)
    assert len(ids(20)) == 20


def test_a_larger_limit_keeps_the_smaller_ones() -> None:
    assert set(ids(20)) < set(ids(50)) < set(ids(None))


def test_it_is_no_run_of_the_first_ones_and_comes_in_order_of_time() -> None:
    numbers = [int(segment_id.rpartition("_")[2]) for segment_id in ids(20)]

    assert numbers == sorted(numbers)
    assert max(numbers) > 100


def test_before_the_first_request(tmp_path: Path, video: VideoConfig) -> None:
    config = make_config(tmp_path, limit=3)
    plan, asker = open_run(config, video)

    assert (plan.num_segments, plan.num_requests, plan.num_cached) == (3, 6, 0)
    # Two short prompts, and the caption that will stand in the second.
    assert 0 < plan.tokens.input - 3 * (4 * image_tokens(512) + ANSWER_TOKENS) < 3 * 80
    assert plan.tokens.output == 6 * ANSWER_TOKENS
    assert describe_plan(plan, config, 1.5).startswith("3 segments, 0 of them settled; 6 requests to tiny-vlm and 0")
    assert asker.frames.loader.readers.num_opened == 0


def test_afterwards_nothing_is_left_and_nothing_decoded(tmp_path: Path, video: VideoConfig, server: Server) -> None:
    config = make_config(tmp_path, server.base_url)
    first = run(config, video)
    plan, asker = open_run(config, video)

    assert (len(plan.outcomes), plan.num_requests, plan.num_cached) == (NUM_SEGMENTS, 0, 2 * NUM_SEGMENTS)
    assert plan.tokens == Tokens()
    assert {repr(outcome) for outcome in plan.outcomes} == {repr(outcome) for outcome in first.outcomes}
    assert asker.frames.loader.readers.num_opened == 0


def test_a_caption_that_is_there_is_not_paid_for_again(tmp_path: Path, video: VideoConfig, server: Server) -> None:
    config = make_config(tmp_path, server.base_url, num_answers=1)
    server.behave = lambda asked: Answer("no JSON") if asked.kind == "pairs" else None
    run(config, video)
    config.num_answers = 2
    plan, _ = open_run(config, video)

    assert plan.num_requests == NUM_SEGMENTS
    assert plan.num_cached == 2 * NUM_SEGMENTS


@pytest.mark.parametrize("kind", ["caption", "pairs"])
def test_segments_that_failed_are_settled(tmp_path: Path, video: VideoConfig, server: Server, kind: str) -> None:
    def behave(asked: Asked) -> Answer | None:
        return Answer("no JSON") if asked.kind == kind else None

    config = make_config(tmp_path, server.base_url, num_answers=2)
    server.behave = behave
    first = run(config, video)
    plan, _ = open_run(config, video)

    assert plan.todo == []
    assert plan.num_cached == len(server.asked)
    assert sorted(map(repr, plan.outcomes)) == sorted(map(repr, first.outcomes))


def test_labels_that_are_wrong_are_settled(tmp_path: Path, video: VideoConfig, server: Server) -> None:
    server.behave = lambda asked: Answer(json.dumps({"agrees": False, "caption": "A dog."}))
    config = make_config(tmp_path, server.base_url)
    run(config, video)
    plan, _ = open_run(config, video)

    assert plan.todo == []
    assert len(server.asked) == plan.num_cached == NUM_SEGMENTS


def test_a_missing_video_is_found_before_anything_is_paid_for(tmp_path: Path, video: VideoConfig) -> None:
    with pytest.raises(VideoError, match="P09_09"):
        open_run(make_config(tmp_path), video, [*SEGMENTS, make_segment(77, video_id="P09_09")])
