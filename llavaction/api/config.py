"""Which server is asked, how fast and for how much."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import Any, ClassVar
from urllib.parse import urlsplit

from llavaction.utils.enums import StrEnum
from llavaction.utils.errors import ConfigError

_SET_BY_US = {"model", "messages", "response_format", "max_tokens", "max_completion_tokens", "n", "stream"}


class OutputLimit(StrEnum):
    """Name of the request's field that limits the answer."""

    MAX_COMPLETION_TOKENS = "max_completion_tokens"
    """OpenAI, whose reasoning models refuse the older name."""
    MAX_TOKENS = "max_tokens"
    """The older name, which most other servers know."""


class Structured(StrEnum):
    """How the server is told to answer in JSON; the prompt asks for it in words in any case."""

    JSON_SCHEMA = "json_schema"
    """`response_format` with the schema: the server lets the model write nothing else."""
    JSON_OBJECT = "json_object"
    """`response_format` without a schema: some JSON object."""
    NONE = "none"
    """Not at all, for servers that know neither."""


@dataclass(kw_only=True)
class ServerConfig:
    """A model on a server, and the limits of what is asked."""

    SECTION: ClassVar[str]
    """The section of the configuration that this is, for errors."""

    base_url: str
    """Address of the server's API, for example https://api.openai.com/v1 or http://localhost:8000/v1."""
    model: str
    """Name of the model on that server; the paper asked GPT-4o."""
    cache: str
    """Folder of all replies; several processes may share it, and what is in it is never asked again."""
    key_variable: str | None = "OPENAI_API_KEY"
    """Environment variable that holds the key, which is written nowhere; null for servers without keys."""
    output_limit: OutputLimit = OutputLimit.MAX_COMPLETION_TOKENS
    """Name under which the server is told how long an answer may be; OpenAI's."""
    extra: dict[str, Any] = field(default_factory=dict)
    """Further fields of every request, passed on as they are (temperature, seed, top_p); empty leaves all to the
    server."""
    concurrency: int = 8
    """Requests in flight at most, per process."""
    requests_per_minute: int | None = 500
    """Requests per minute at most, per process; 500 is what OpenAI first grants for GPT-4o. null for no limit."""
    timeout_s: float = 120.0
    """Seconds that a reply may take as a whole; answers take about ten on a busy server."""
    max_retries: int = 5
    """Further tries after a time-out, a cut connection, 429 or 5xx; five wait about half a minute in all."""
    input_price: float | None = None
    """Price of a million input tokens in any currency; null where it is not known, as prices change."""
    output_price: float | None = None
    """Price of a million output tokens in the same currency."""
    budget: float | None = None
    """What one run may spend, in that currency; then it stops and keeps what it has. null for no limit."""
    dry_run: bool = False
    """Only tell how many requests, tokens and how much money it would take; needs no key."""

    def __post_init__(self) -> None:
        self._check_server()
        self._check_least(concurrency=1, requests_per_minute=1, max_retries=0)
        if not 0 < self.timeout_s < float("inf"):
            raise ConfigError(f"{self.SECTION}.timeout_s = {self.timeout_s}: must be above 0")
        self._check_prices()

    def _check_least(self, **least: int) -> None:
        for name, number in least.items():
            value = getattr(self, name)
            if value is not None and value < number:
                raise ConfigError(f"{self.SECTION}.{name} = {value}: must be {number} or more")

    def _check_server(self) -> None:
        address, section = urlsplit(self.base_url), self.SECTION
        # What is wrong is not repeated: these are the places where a key may have been put by mistake.
        if address.scheme not in ("http", "https") or not address.hostname:
            raise ConfigError(f"{section}.base_url: must be an address such as https://api.openai.com/v1")
        if address.username or address.password or address.query or address.fragment:
            raise ConfigError(f"{section}.base_url: must hold no user, password or query; keys go into key_variable")
        if self.key_variable is not None and not re.fullmatch(r"[A-Za-z_][A-Za-z0-9_]*", self.key_variable):
            raise ConfigError(f"{section}.key_variable: must be the name of an environment variable, not a key")
        if not self.model:
            raise ConfigError(f"{section}.model is empty; give {section}.model=NAME")
        if taken := sorted(_SET_BY_US & self.extra.keys()):
            raise ConfigError(f"{section}.extra sets {taken}, which is set without it")

    def _check_prices(self) -> None:
        section = self.SECTION
        for name in ("input_price", "output_price", "budget"):
            value = getattr(self, name)
            if value is not None and not 0 <= value < float("inf"):
                raise ConfigError(f"{section}.{name} = {value}: must be 0 or more")
        if (self.input_price is None) != (self.output_price is None):
            raise ConfigError(f"{section}.input_price and {section}.output_price come together or not at all")
        if self.budget is not None and self.input_price is None:
            raise ConfigError(f"{section}.budget needs {section}.input_price and {section}.output_price")


@dataclass(kw_only=True)
class VisionServerConfig(ServerConfig):
    """A model that is shown frames, and how it is."""

    num_frames: int
    """Frames per clip, the middles of as many equal parts."""
    short_side: int = 512
    """Pixels that a frame's short side is reduced to; 512, the side of the tiles that GPT-4o sees."""
    jpeg_quality: int = 85
    """1 to 95; at 85 no blocks are seen and a frame has about 60 KB."""
    frame_tokens: int | None = None
    """Tokens that the model takes a frame for, in estimates of cost; null reckons as GPT-4o does, from its size."""

    def __post_init__(self) -> None:
        super().__post_init__()
        self._check_least(num_frames=1, short_side=16, frame_tokens=1)
        if not 1 <= self.jpeg_quality <= 95:
            raise ConfigError(f"{self.SECTION}.jpeg_quality = {self.jpeg_quality}: must be 1 to 95")
