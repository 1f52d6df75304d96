from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from llavaction.api.config import OutputLimit
from llavaction.api.requests import chat_request
from llavaction.utils.errors import ConfigError
from tests.api.worlds import KEY, make_config


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"base_url": "localhost:8000"}, r"^eye\.base_url"),
        ({"base_url": f"http://host/v1?key={KEY}"}, "no user, password or query"),
        ({"key_variable": KEY}, r"^eye\.key_variable"),
        ({"concurrency": 0}, r"^eye\.concurrency = 0"),
        ({"timeout_s": float("inf")}, r"^eye\.timeout_s"),
        ({"short_side": 8}, r"^eye\.short_side = 8"),
        ({"jpeg_quality": 0}, r"^eye\.jpeg_quality = 0"),
        ({"output_price": 1.0}, r"^eye\.input_price and eye\.output_price come together"),
    ],
)
def test_errors_name_the_section(tmp_path: Path, fields: dict[str, Any], words: str) -> None:
    with pytest.raises(ConfigError, match=words) as caught:
        make_config(tmp_path, **fields)
    assert KEY not in str(caught.value)


def test_a_model_has_to_be_named(tmp_path: Path) -> None:
    config = make_config(tmp_path)
    config.model = ""

    with pytest.raises(ConfigError, match=r"eye\.model=NAME"):
        config.__post_init__()


@pytest.mark.parametrize("limit", OutputLimit)
def test_a_request_knows_its_longest_answer(tmp_path: Path, limit: OutputLimit) -> None:
    request = chat_request(make_config(tmp_path, output_limit=limit), [], 123, None)

    assert request.body[limit.value] == 123
    assert request.max_output_tokens == 123
