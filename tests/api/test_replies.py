from __future__ import annotations

import json
import os
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from llavaction.api.replies import BadReply, Reply, ReplyCache, excerpt, parse_reply
from llavaction.api.requests import ChatRequest
from llavaction.utils.errors import DataError

REQUEST = ChatRequest({"model": "m", "messages": []})
REPLY = Reply("half a pair: \ud83d", "no", "stop", "m-1", 12, None)


def body(message: Any = None, **fields: Any) -> str:
    choice = {"message": {"content": "yes"} if message is None else message, "finish_reason": "stop"}
    return json.dumps({"model": "m-1", "choices": [choice], **fields})


def test_a_chat_completion() -> None:
    text = body({"content": "yes", "refusal": None}, usage={"prompt_tokens": 5, "completion_tokens": 0})

    assert parse_reply(text) == Reply("yes", None, "stop", "m-1", 5, 0)


@pytest.mark.parametrize(
    "usage", [None, [], {}, {"prompt_tokens": "5"}, {"prompt_tokens": -1}, {"prompt_tokens": True}]
)
def test_counts_that_are_none_are_not_given(usage: Any) -> None:
    assert parse_reply(body(usage=usage)).input_tokens is None


@pytest.mark.parametrize(
    "text",
    [
        "",
        "<html>502</html>",
        "[]",
        "{}",
        '{"error": {"message": "overloaded"}}',
        '{"choices": {}}',
        '{"choices": []}',
        '{"choices": ["yes"]}',
        '{"choices": [{}]}',
        body({"content": 42}),
        body({"content": [{"type": "text"}]}),
        body({"content": "yes", "refusal": True}),
        body(model=3),
    ],
)
def test_anything_else_is_none(text: str) -> None:
    with pytest.raises(BadReply):
        parse_reply(text)


def test_what_is_kept_is_read(tmp_path: Path) -> None:
    cache = ReplyCache(tmp_path)

    assert cache.read(REQUEST, 0) is None
    cache.keep(REQUEST, 0, REPLY)
    assert ReplyCache(tmp_path).read(REQUEST, 0) == REPLY
    assert cache.read(REQUEST, 1) is None


def test_a_file_says_what_was_asked(tmp_path: Path) -> None:
    ReplyCache(tmp_path).keep(REQUEST, 2, REPLY)
    (path,) = (path for path in tmp_path.rglob("*") if path.is_file())
    row = json.loads(path.read_text())

    assert path == tmp_path / "replies" / REQUEST.key(2)[:2] / f"{REQUEST.key(2)}.json"
    assert (row["request"], row["attempt"]) == (REQUEST.body, 2)


def test_the_first_reply_stays(tmp_path: Path) -> None:
    cache = ReplyCache(tmp_path)
    cache.keep(REQUEST, 0, REPLY)
    cache.keep(REQUEST, 0, replace(REPLY, content="later"))

    assert cache.read(REQUEST, 0) == REPLY
    assert len([path for path in tmp_path.rglob("*") if path.is_file()]) == 1


def test_a_disk_without_links_will_do(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*paths: Any) -> None:
        raise PermissionError

    monkeypatch.setattr(os, "link", refuse)
    cache = ReplyCache(tmp_path)
    cache.keep(REQUEST, 0, REPLY)

    assert cache.read(REQUEST, 0) == REPLY
    assert len([path for path in tmp_path.rglob("*") if path.is_file()]) == 1


@pytest.mark.parametrize("text", ["", "{", "[]", '{"reply": {}}', '{"reply": {"content": "x"}}'])
def test_a_broken_file_is_named(tmp_path: Path, text: str) -> None:
    cache = ReplyCache(tmp_path)
    cache.keep(REQUEST, 0, REPLY)
    (path,) = (path for path in tmp_path.rglob("*") if path.is_file())
    path.write_text(text)

    with pytest.raises(DataError, match=path.name):
        cache.read(REQUEST, 0)


def test_an_excerpt_is_one_line_that_can_be_written() -> None:
    assert excerpt("a\n  b \ud83d", 30) == "a b \\ud83d"
    assert excerpt("x" * 400) == "x" * 300 + "..."
