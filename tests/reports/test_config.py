"""What each kind of report looks at, and what it refuses."""

from __future__ import annotations

from typing import Any

import pytest

from llavaction.config.compose import compose_config
from llavaction.reports.config import ReportConfig, ReportKind
from llavaction.utils.errors import ConfigError

RUN, COMPARE = ReportKind.RUN, ReportKind.COMPARE


@pytest.mark.parametrize(
    ("values", "problem"),
    [
        ({"kind": RUN, "run": "a", "other": "b"}, r"report\.other does nothing .* kind run; .* choose report=compare"),
        ({"kind": RUN, "run": "a", "rows": {"mine": "x"}}, r"report\.rows does nothing .* choose report=NAME"),
        ({"kind": COMPARE, "run": "a", "other": "b", "num_classes": 5}, r"report\.num_classes does nothing"),
        ({"kind": RUN, "run": "a", "num_classes": 1}, r"report\.num_classes = 1: must be 2 or more"),
        ({"run": "a"}, r"report\.run does nothing in a report of kind tables; .* choose report=run"),
        ({"tasks": ["mqa"]}, r"report\.tasks does nothing in a report of kind tables"),
    ],
)
def test_what_does_nothing_is_refused(values: dict[str, Any], problem: str) -> None:
    with pytest.raises(ConfigError, match=problem):
        ReportConfig(**values)


@pytest.mark.parametrize(
    ("values", "problem"),
    [
        ({"kind": RUN}, r"a report of kind run needs the folder of an evaluation: run=FOLDER"),
        ({"kind": COMPARE, "run": "a"}, r"needs a second evaluation: other=FOLDER"),
        ({"kind": COMPARE, "run": "a", "other": "a"}, r"are both a; a run does not differ from itself"),
        ({}, r"the report has no rows or columns"),
    ],
)
def test_a_report_of_nothing_is_refused(values: dict[str, Any], problem: str) -> None:
    with pytest.raises(ConfigError, match=problem):
        ReportConfig(**values).check_said()


def test_runs_are_named_by_the_short_keys() -> None:
    one = compose_config("report", ["report=run", "run=runs/a", "report.tasks=[mqa]"]).report
    two = compose_config("report", ["report=compare", "run=runs/a", "other=runs/b"]).report

    assert (one.kind, one.run, one.tasks) == (RUN, "runs/a", ["mqa"])
    assert (two.kind, two.run, two.other) == (COMPARE, "runs/a", "runs/b")
    assert compose_config("report", ["report=run", "report.run=runs/a"]).report.run == "runs/a"


@pytest.mark.parametrize(
    "words", [["run=runs/a"], ["report=paper", "other=runs/a"], ["report=run", "run=a", "other=b"]]
)
def test_a_short_key_that_does_nothing_is_refused(words: list[str]) -> None:
    with pytest.raises(ConfigError, match="does nothing in this report; choose report=run or report=compare"):
        compose_config("report", words)
