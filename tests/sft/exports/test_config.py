from __future__ import annotations

from typing import Any

import pytest

from llavaction.sft.exports.config import ExportConfig, ExportFormat
from llavaction.sft.samples import View
from llavaction.utils.errors import ConfigError


def test_everything_is_exported_unless_told() -> None:
    assert ExportConfig().formats == list(ExportFormat)
    assert ExportConfig().views == []


@pytest.mark.parametrize(
    ("options", "problem"),
    [
        ({"formats": [ExportFormat.LLAVA, ExportFormat.LLAVA]}, r"export\.formats = \['llava', 'llava'\]: .* twice"),
        ({"views": [View.MQA, View.MQA]}, r"export\.views = \['mqa', 'mqa'\]: .* twice"),
        ({"name": "my data"}, r"export\.name = 'my data': must be one word"),
        ({"name": "../x"}, r"export\.name = '../x': must be one word"),
        ({"name": ""}, r"export\.name = '': must be one word"),
        ({"title": " "}, r"export\.title is empty"),
        ({"license": ""}, r"export\.license is empty"),
        ({"origin": ""}, r"export\.origin is empty"),
    ],
)
def test_what_cannot_be_written_is_refused(options: dict[str, Any], problem: str) -> None:
    with pytest.raises(ConfigError, match=problem):
        ExportConfig(**options)
