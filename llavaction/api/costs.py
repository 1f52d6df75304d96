"""Tokens and money: what a run will take, about, and what it has taken so far."""

from __future__ import annotations

import math
from dataclasses import dataclass

from llavaction.api.config import ServerConfig, VisionServerConfig
from llavaction.api.replies import Reply
from llavaction.api.requests import ChatRequest
from llavaction.utils.errors import LlavactionError

CHARS_PER_TOKEN = 4
"""Of English text, in the tokenizers of large models."""
ANSWER_TOKENS = 200
"""Of a usual caption, or of three pairs; prompts ask for texts of about this length."""
FRAME_RATIO = 16 / 9
"""Width by height of frames that are not decoded for an estimate; all of EPIC-KITCHENS-100 is so."""


class BudgetError(LlavactionError):
    """The budget does not allow another request."""


@dataclass
class Tokens:
    """Tokens sent and received."""

    input: int = 0
    output: int = 0

    def __add__(self, other: Tokens) -> Tokens:
        return Tokens(self.input + other.input, self.output + other.output)


def text_tokens(text: str) -> int:
    """About how many tokens a text has: one per four characters."""
    return math.ceil(len(text) / CHARS_PER_TOKEN)


def image_tokens(short_side: int) -> int:
    """About how many tokens a 16:9 frame has: 85, and 170 for each tile of 512 x 512 that it touches.

    This is the rule of GPT-4o (https://platform.openai.com/docs/guides/images-vision), which first reduces the short
    side to 768. Other models count otherwise: the summary of a small run says how.
    """
    short_side = min(short_side, 768)
    return 85 + 170 * math.ceil(short_side / 512) * math.ceil(round(short_side * FRAME_RATIO) / 512)


def tokens_of_frame(config: VisionServerConfig) -> int:
    """About how many tokens a frame has, as the config says or by GPT-4o's rule."""
    return config.frame_tokens or image_tokens(config.short_side)


def estimate_input(request: ChatRequest, frame_tokens: int) -> int:
    """About how many tokens a request has.

    Args:
        frame_tokens: of each frame that it shows.
    """
    tokens = 0
    for message in request.messages:
        content = message["content"]
        parts = [{"type": "text", "text": content}] if isinstance(content, str) else content
        for part in parts:
            tokens += text_tokens(part["text"]) if part["type"] == "text" else frame_tokens
    return tokens


class Spending:
    """Counts tokens and money, and keeps the sum within the budget.

    Before a request goes out, its price with the longest possible answer is set aside; when the reply is there, its
    real price takes the place. So requests in flight together cannot overrun the budget. Estimates of the input that
    turn out too low are corrected by the worst one so far: only the first requests can cost more than was set aside.
    """

    def __init__(self, config: ServerConfig) -> None:
        self.config = config
        self.tokens = Tokens()
        self.num_uncounted = 0
        self._set_aside = 0.0
        self._worst_ratio = 1.0

    def price(self, tokens: Tokens) -> float | None:
        """Money for tokens, None where prices are not known."""
        if self.config.input_price is None or self.config.output_price is None:
            return None
        return (tokens.input * self.config.input_price + tokens.output * self.config.output_price) / 1e6

    @property
    def money(self) -> float | None:
        """Money spent so far, None where prices are not known."""
        return self.price(self.tokens)

    def set_aside(self, tokens: Tokens) -> float:
        """Set the price of a request aside and return it.

        Args:
            tokens: about its input, and its longest possible answer.

        Raises:
            BudgetError: when the budget does not allow it.
        """
        price = self.price(Tokens(math.ceil(tokens.input * self._worst_ratio), tokens.output)) or 0.0
        spent = self.money or 0.0
        if self.config.budget is not None and spent + self._set_aside + price > self.config.budget:
            raise BudgetError(
                f"the next request may cost {price:.4f}, {spent:.4f} are spent and {self._set_aside:.4f} may be due "
                f"for requests in flight: more than {self.config.SECTION}.budget = {self.config.budget:g}"
            )
        self._set_aside += price
        return price

    def give_back(self, price: float) -> None:
        """Return what was set aside."""
        self._set_aside -= price

    def count(self, reply: Reply, input_tokens: int) -> None:
        """Count a reply; where the server does not count its tokens, they are estimated."""
        if reply.input_tokens is None or reply.output_tokens is None:
            self.num_uncounted += 1
        if reply.input_tokens is not None:
            self._worst_ratio = max(self._worst_ratio, reply.input_tokens / max(input_tokens, 1))
        self.tokens += Tokens(
            input_tokens if reply.input_tokens is None else reply.input_tokens,
            text_tokens(reply.content or "") if reply.output_tokens is None else reply.output_tokens,
        )
