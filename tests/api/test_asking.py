"""Requests for whoever asks; the tests of the annotator and of contestants go further."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from llavaction.api.asking import MOST_IN_A_ROW, Asking
from llavaction.api.client import NoReply, ServerError
from llavaction.api.replies import ReplyCache
from llavaction.api.requests import chat_request
from llavaction.utils.errors import DataError
from tests.api.server import Answer, Raw, Server
from tests.api.worlds import EyeConfig, make_config

pytestmark = pytest.mark.usefixtures("short_waits")


def open_asking(config: EyeConfig) -> Asking:
    return Asking(config, ReplyCache(Path(config.cache)), frame_tokens=1, if_rejected="try another model")


def ask_all(config: EyeConfig, words: list[str]) -> tuple[Asking, list[str]]:
    """Ask each word; what came back."""
    asking, said = open_asking(config), []

    async def settle(word: str) -> None:
        request = chat_request(config, [{"role": "user", "content": word}], 10, None)
        try:
            said.append(await asking.answer(request, lambda reply: reply.content or "", {}))
        except NoReply:
            said.append("nothing")

    asking.run(words, settle, None)
    return asking, said


def test_each_is_asked_once(tmp_path: Path, server: Server) -> None:
    server.behave = lambda asked: Answer(asked.text.upper())
    config = make_config(tmp_path, server.base_url)
    asking, said = ask_all(config, ["a", "b", "a"])

    assert sorted(said) == ["A", "A", "B"]
    assert (asking.num_asked, len(server.asked), asking.stop) == (2, 2, None)
    assert sorted(ask_all(config, ["a", "b"])[1]) == ["A", "B"]
    assert len(server.asked) == 2


def test_a_user_is_told_what_to_do_where_all_is_rejected(tmp_path: Path, server: Server) -> None:
    server.behave = lambda asked: Raw(400, "no such model")
    asking, said = ask_all(make_config(tmp_path, server.base_url, concurrency=1), list("abcdefghijklmnop"))

    assert isinstance(asking.stop, ServerError)
    assert "10 requests in a row" in str(asking.stop)
    assert "try another model" in str(asking.stop)
    assert len(said) == MOST_IN_A_ROW


def test_a_defect_in_the_data_ends_the_run_in_order(tmp_path: Path, server: Server) -> None:
    server.behave = lambda asked: Answer("fine")
    config = make_config(tmp_path, server.base_url, concurrency=2)
    asking, done = open_asking(config), []

    async def settle(word: str) -> None:
        if word == "bad":
            raise DataError("a broken file")
        request = chat_request(config, [{"role": "user", "content": word}], 10, None)
        await asking.answer(request, lambda reply: reply, {})
        done.append(word)

    asking.run(["a", "bad", "c", "d"], settle, None)

    assert isinstance(asking.stop, DataError)
    # What was on its way is waited for and kept.
    assert done == ["a"]
    assert len(server.asked) == 1


def test_work_on_videos_is_done_beside(tmp_path: Path, server: Server) -> None:
    config, seen = make_config(tmp_path, server.base_url), []

    async def settle(number: int) -> None:
        found = await asyncio.gather(*(asking.decode(lambda item: item * 2, number + step) for step in range(3)))
        seen.append(found)

    asking = open_asking(config)
    asking.run([1], settle, None)

    assert seen == [[2, 4, 6]]


def test_a_reply_that_a_program_changed_is_named(tmp_path: Path, server: Server) -> None:
    server.behave = lambda asked: Answer("fine")
    config = make_config(tmp_path, server.base_url)
    ask_all(config, ["a"])
    (path,) = Path(config.cache).rglob("*.json")
    path.write_text("{}")

    assert path.name in str(ask_all(config, ["a"])[0].stop)
