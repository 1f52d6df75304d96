"""One path or several, and values that cannot be meant."""

from __future__ import annotations

from typing import Any

import pytest

from llavaction.config.compose import compose_config
from llavaction.reports.audit.config import AuditConfig, Draw
from llavaction.utils.errors import ConfigError


@pytest.mark.parametrize(
    ("override", "paths"), [("a.csv", ["a.csv"]), ("[a.csv,b.csv]", ["a.csv", "b.csv"]), ("null", []), ("[]", [])]
)
def test_one_path_or_a_list(override: str, paths: list[str]) -> None:
    root = compose_config("audit", [f"audit.verdicts={override}", f"audit.samples={override}"])

    assert root.audit.verdicts == root.audit.samples == paths


def test_what_is_drawn_by_default() -> None:
    audit = compose_config("audit", []).audit

    assert (audit.num_questions, audit.draw, audit.seed) == (100, Draw.UNIFORM, 0)
    assert compose_config("audit", ["audit.draw=per_action"]).audit.draw is Draw.PER_ACTION


@pytest.mark.parametrize(
    ("values", "text"),
    [
        ({"num_questions": 0}, "audit.num_questions = 0: must be 1 or more"),
        ({"num_frames": 0}, "audit.num_frames = 0"),
        ({"frame_side": 15}, "audit.frame_side = 15: must be 16 or more"),
        ({"samples": 3}, "audit.samples = 3: must be a file or a list of files"),
        ({"verdicts": ["a", 1]}, r"audit.verdicts = \['a', 1\]"),
        ({"verdicts": ""}, "must be a file"),
        ({"verdicts": ["a", "a"]}, "a file stands twice"),
    ],
)
def test_values_that_cannot_be_meant(values: dict[str, Any], text: str) -> None:
    with pytest.raises(ConfigError, match=text):
        AuditConfig(**values)
