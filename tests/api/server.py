"""A chat-completions server on this machine that misbehaves when told."""

from __future__ import annotations

import hashlib
import json
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

PROMPT_TOKENS = {"caption": 1000, "pairs": 40}
COMPLETION_TOKENS = 100
"""What every reply says that it took."""


@dataclass
class Answer:
    """A chat completion; `fields` change its message, `more` its body."""

    content: Any = None
    fields: dict[str, Any] = field(default_factory=dict)
    finish_reason: Any = "stop"
    more: dict[str, Any] = field(default_factory=dict)


@dataclass
class Raw:
    """Any reply."""

    status: int = 200
    text: str = ""
    headers: dict[str, str] = field(default_factory=dict)


@dataclass
class Cut:
    """Half of a reply, and then the connection is closed."""


@dataclass
class Slow:
    """A byte now and then, for longer than anybody waits."""

    seconds: float = 3.0


@dataclass(frozen=True)
class Asked:
    """One request as it arrived.

    Attributes:
        kind: "caption" or "pairs".
        text: the user's words.
        number: how many requests with this very body came before.
    """

    kind: str
    text: str
    body: dict[str, Any]
    number: int
    at_s: float
    authorization: str

    @property
    def name(self) -> str:
        """Names the body."""
        return hashlib.sha256(json.dumps(self.body, sort_keys=True).encode()).hexdigest()[:12]


Behaviour = Callable[[Asked], Any]
"""What to do with a request; None for a good answer."""


class Server:
    """What was asked, and how to answer."""

    def __init__(self) -> None:
        self.behave: Behaviour = lambda asked: None
        self.delay_s = 0.0
        self.asked: list[Asked] = []
        self.in_flight = self.most_in_flight = 0
        self.base_url = ""
        self._counts: Counter[str] = Counter()
        self._lock = threading.Lock()

    def of_kind(self, kind: str) -> list[Asked]:
        """Requests for captions or for pairs."""
        return [asked for asked in self.asked if asked.kind == kind]

    def repeated(self) -> int:
        """How many requests had come before."""
        return len(self.asked) - len({asked.name for asked in self.asked})

    def take(self, body: dict[str, Any], authorization: str) -> Asked:
        """Note a request."""
        content = body["messages"][-1]["content"]
        kind = "pairs" if isinstance(content, str) else "caption"
        text = content if isinstance(content, str) else content[-1]["text"]
        with self._lock:
            raw = json.dumps(body, sort_keys=True)
            asked = Asked(kind, text, body, self._counts[raw], time.monotonic(), authorization)
            self._counts[raw] += 1
            self.asked.append(asked)
            self.in_flight += 1
            self.most_in_flight = max(self.most_in_flight, self.in_flight)
        return asked

    def leave(self) -> None:
        """Note that a request is done with."""
        with self._lock:
            self.in_flight -= 1


def good_answer(asked: Asked) -> Answer:
    """A valid answer that depends on the request alone."""
    if asked.kind == "caption":
        return Answer(json.dumps({"agrees": True, "caption": f"I do {asked.name}."}))
    pairs = [{"question": f"What is {number}?", "answer": f"It is {asked.name}."} for number in range(3)]
    return Answer(json.dumps({"pairs": pairs}))


@contextmanager
def serving() -> Iterator[Server]:
    """A server while the block runs."""
    server = Server()
    http = _Quiet(("127.0.0.1", 0), _handler(server))
    server.base_url = f"http://127.0.0.1:{http.server_address[1]}/v1"
    thread = threading.Thread(target=http.serve_forever, args=(0.01,), daemon=True)
    thread.start()
    try:
        yield server
    finally:
        http.shutdown()
        http.server_close()
        thread.join()


class _Quiet(ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Say nothing of clients that went away."""
        if not isinstance(sys.exc_info()[1], ConnectionError):
            super().handle_error(request, client_address)


def _handler(server: Server) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        wbufsize = -1  # head and body in one packet: the second of two would wait 40 ms to be asked for

        def do_POST(self) -> None:
            assert self.path == "/v1/chat/completions"
            body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            asked = server.take(body, self.headers.get("Authorization", ""))
            try:
                time.sleep(server.delay_s)
                self._answer(server.behave(asked) or good_answer(asked), asked)
            except ConnectionError:
                self.close_connection = True  # the client waited no longer, or was killed
            finally:
                server.leave()

        def _answer(self, action: Any, asked: Asked) -> None:
            if isinstance(action, Answer):
                message = {"role": "assistant", "content": action.content, **action.fields}
                usage = {"prompt_tokens": PROMPT_TOKENS[asked.kind], "completion_tokens": COMPLETION_TOKENS}
                choice = {"index": 0, "message": message, "finish_reason": action.finish_reason}
                text = json.dumps(
                    {"model": f"{asked.body['model']}-2025", "choices": [choice], "usage": usage, **action.more}
                )
                action = Raw(text=text)
            if isinstance(action, Raw):
                self._send(action.status, action.text.encode(), action.headers)
                return
            self._send(200, b"{", {}, length=100)
            if isinstance(action, Slow):
                until = time.monotonic() + action.seconds
                while time.monotonic() < until:
                    time.sleep(0.05)
                    self.wfile.write(b" ")
                    self.wfile.flush()
            self.close_connection = True

        def _send(self, status: int, data: bytes, headers: dict[str, str], length: int | None = None) -> None:
            self.send_response(status)
            for name, value in {"Content-Type": "application/json", **headers}.items():
                self.send_header(name, value)
            self.send_header("Content-Length", str(len(data) if length is None else length))
            self.end_headers()
            self.wfile.write(data)
            self.wfile.flush()

        def log_message(self, format: str, *args: Any) -> None:
            """Say nothing."""

    return Handler
