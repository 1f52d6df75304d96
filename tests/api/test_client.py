"""One request against a server that misbehaves."""

from __future__ import annotations

import asyncio
import json
import logging
import time
from typing import Any

import pytest

from llavaction.api import client as client_module
from llavaction.api.client import Client, NoReply, ServerError, read_key
from llavaction.api.config import ServerConfig
from llavaction.api.reasons import Reason
from llavaction.api.replies import Reply
from llavaction.utils.errors import ConfigError
from llavaction.utils.logs import set_up_logging
from tests.api.server import Answer, Asked, Cut, Raw, Server, Slow
from tests.api.worlds import KEY, make_config

pytestmark = [pytest.mark.usefixtures("short_waits"), pytest.mark.thorough]

REQUEST = {"model": "tiny-vlm", "messages": [{"role": "user", "content": "Hello?"}], "top_k": 3}


@pytest.fixture
def config(tmp_path: Any, server: Server) -> ServerConfig:
    return make_config(tmp_path, server.base_url, max_retries=2, timeout_s=5.0)


def ask(config: ServerConfig, key: str | None = KEY, name: str = "name") -> Reply:
    async def run() -> Reply:
        client = Client(config, key)
        try:
            return await client.ask(REQUEST, name)
        finally:
            await client.close()

    return asyncio.run(run())


def misbehave(server: Server, *actions: Any) -> None:
    """Do one thing after another, then the last one for ever."""

    def behave(asked: Asked) -> Any:
        return actions[min(asked.number, len(actions) - 1)]

    server.behave = behave


def test_all_fields_are_sent_and_the_key_is_in_the_header(server: Server, config: ServerConfig) -> None:
    reply = ask(config)

    assert server.asked[0].body == REQUEST
    assert server.asked[0].authorization == f"Bearer {KEY}"
    assert (reply.model, reply.input_tokens, reply.output_tokens) == ("tiny-vlm-2025", 40, 100)


@pytest.mark.parametrize(
    "fault",
    [
        Raw(429, '{"error": {"message": "slow down"}}'),
        Raw(500, "oops"),
        Raw(503),
        Raw(408),
        Raw(409),
        Cut(),
        Raw(200, "<html>gateway</html>", {"Content-Type": "text/html"}),
        Raw(200, '{"error": {"message": "overloaded"}}'),
        Answer(42),
        Answer(more={"choices": "none"}),
    ],
)
def test_a_passing_fault_is_tried_again(server: Server, config: ServerConfig, fault: Any) -> None:
    misbehave(server, fault, fault, Answer("fine"))

    assert ask(config).content == "fine"
    assert len(server.asked) == 3


@pytest.mark.parametrize(
    ("fault", "reason", "words"),
    [
        (Raw(429, '{"error": {"message": "slow down"}}'), Reason.RATE_LIMITED, "slow down"),
        (Raw(502, "<html>bad gateway</html>"), Reason.SERVER_FAULT, "502"),
        (Cut(), Reason.NO_CONNECTION, "peer closed|incomplete|without"),
        (Raw(200, '{"error": {"message": "overloaded"}}'), Reason.BAD_REPLY, "overloaded"),
        (Answer(["wrong"]), Reason.BAD_REPLY, "content is list"),
    ],
)
def test_a_lasting_fault_is_named(server: Server, config: ServerConfig, fault: Any, reason: Reason, words: str) -> None:
    misbehave(server, fault)

    with pytest.raises(NoReply, match=words) as caught:
        ask(config)
    assert caught.value.reason is reason
    assert len(server.asked) == 3


def test_a_reply_that_trickles_times_out_as_a_whole(server: Server, config: ServerConfig) -> None:
    config.timeout_s = 0.3
    misbehave(server, Slow(2.0), Answer("fine"))
    start_s = time.monotonic()

    assert ask(config).content == "fine"
    assert 0.3 <= time.monotonic() - start_s < 1.5


def test_a_slow_server_times_out(server: Server, config: ServerConfig) -> None:
    config.timeout_s, config.max_retries, server.delay_s = 0.1, 1, 0.4

    with pytest.raises(NoReply, match=r"no reply within 0.1 s") as caught:
        ask(config)
    assert caught.value.reason is Reason.TIMED_OUT
    assert len(server.asked) == 2


def test_nobody_there(config: ServerConfig) -> None:
    config.base_url = "http://127.0.0.1:9/v1"

    with pytest.raises(NoReply, match="connection") as caught:
        ask(config)
    assert caught.value.reason is Reason.NO_CONNECTION


def test_the_servers_pause_is_kept(server: Server, config: ServerConfig) -> None:
    misbehave(server, Raw(429, "", {"Retry-After": "1"}), Answer("fine"))
    ask(config)

    assert server.asked[1].at_s - server.asked[0].at_s >= 1.0


def test_a_pause_of_a_day_ends_the_run(server: Server, config: ServerConfig) -> None:
    misbehave(server, Raw(429, "", {"Retry-After": "86400"}))

    with pytest.raises(ServerError, match="a pause of 86400 s"):
        ask(config)


def test_waits_grow_and_differ(server: Server, config: ServerConfig, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(client_module, "FIRST_WAIT_S", 0.05)
    misbehave(server, Raw(500))
    waits = []
    for name in ("one", "two"):
        server.asked.clear()
        with pytest.raises(NoReply):
            ask(config, name=name)
        times = [asked.at_s for asked in server.asked[-3:]]
        waits += [times[1] - times[0], times[2] - times[1]]

    assert all(wait >= 0.025 for wait in waits[::2])
    assert all(wait >= 0.05 for wait in waits[1::2])
    assert abs(waits[0] - waits[2]) > 1e-4


@pytest.mark.parametrize("status", [400, 413, 422])
def test_a_request_that_is_wrong_is_not_tried_again(server: Server, config: ServerConfig, status: int) -> None:
    misbehave(server, Raw(status, '{"error": {"message": "no such format"}}'))

    with pytest.raises(NoReply, match="no such format") as caught:
        ask(config)
    assert caught.value.reason is Reason.REJECTED
    assert len(server.asked) == 1


@pytest.mark.parametrize(
    ("status", "words"),
    [(401, "environment variable OPENAI_API_KEY"), (403, "OPENAI_API_KEY"), (404, "eye.base_url and eye.model")],
)
def test_a_server_that_refuses_everything_ends_the_run(
    server: Server, config: ServerConfig, status: int, words: str
) -> None:
    misbehave(server, Raw(status, '{"error": {"message": "no"}}'))

    with pytest.raises(ServerError, match=words):
        ask(config)
    assert len(server.asked) == 1


def test_a_server_without_keys_that_wants_one(server: Server, config: ServerConfig) -> None:
    config.key_variable = None
    misbehave(server, Raw(401))

    with pytest.raises(ServerError, match=r"set eye.key_variable"):
        ask(config, None)


def test_an_empty_account_is_not_asked_again(server: Server, config: ServerConfig) -> None:
    misbehave(server, Raw(429, '{"error": {"message": "You ran out.", "code": "insufficient_quota"}}'))

    with pytest.raises(ServerError, match=r"You ran out.*nothing is left"):
        ask(config)
    assert len(server.asked) == 1


@pytest.mark.parametrize("status", [200, 401, 400, 500])
def test_a_server_that_repeats_the_key(server: Server, config: ServerConfig, status: int) -> None:
    text = json.dumps({"error": {"message": f"wrong key {KEY}, use another one than {KEY}"}})
    misbehave(server, Raw(status, text))

    with pytest.raises((ServerError, NoReply)) as caught:
        ask(config)
    assert KEY[:8] not in str(caught.value)
    assert "[key]" in str(caught.value)


def test_no_half_of_the_key_remains_where_a_text_is_cut(server: Server, config: ServerConfig) -> None:
    config.max_retries = 0
    for length in range(220, 310, len(KEY) // 2):
        misbehave(server, Raw(200, "x" * length + KEY))
        with pytest.raises(NoReply) as caught:
            ask(config)
        assert KEY[:4] not in str(caught.value)


def test_a_model_that_spells_the_key_in_escapes(server: Server, config: ServerConfig) -> None:
    text = json.dumps({"choices": [{"message": {"content": f"It is {KEY}."}}]})
    misbehave(server, Raw(200, text.replace("sk-", "\\u0073k-")))

    assert ask(config).content == "It is [key]."


def test_a_model_that_repeats_the_key(server: Server, config: ServerConfig) -> None:
    misbehave(server, Answer(f"Your key is {KEY}.", {"refusal": KEY}))
    reply = ask(config)

    assert (reply.content, reply.refusal) == ("Your key is [key].", "[key]")


def test_a_word_for_a_key_stays_a_word(server: Server, config: ServerConfig) -> None:
    misbehave(server, Answer("The drawer is EMPTY."))

    assert ask(config, "EMPTY").content == "The drawer is EMPTY."


def test_no_line_per_request(config: ServerConfig, caplog: pytest.LogCaptureFixture) -> None:
    set_up_logging()
    with caplog.at_level(logging.INFO):
        ask(config)

    assert caplog.messages == []


def test_the_key_comes_from_the_environment(config: ServerConfig, monkeypatch: pytest.MonkeyPatch) -> None:
    config.key_variable = "MY_KEY"
    monkeypatch.setenv("MY_KEY", KEY)

    assert read_key(config) == KEY
    config.key_variable = None
    assert read_key(config) is None


@pytest.mark.parametrize(
    ("value", "words"), [("", "not set"), (f"{KEY}\n", "blanks"), (f"{KEY} x", "blanks"), ("schlüssel", "signs")]
)
def test_a_key_that_cannot_be_sent(
    config: ServerConfig, monkeypatch: pytest.MonkeyPatch, value: str, words: str
) -> None:
    config.key_variable = "MY_KEY"
    monkeypatch.setenv("MY_KEY", value)

    with pytest.raises(ConfigError, match=words) as caught:
        read_key(config)
    assert "MY_KEY" in str(caught.value)
    assert KEY not in str(caught.value)
