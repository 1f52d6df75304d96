"""The same table in three forms."""

from __future__ import annotations

import io
import json
from dataclasses import replace

import pytest
from rich.console import Console

from llavaction.reports.render import to_json, to_markdown, to_terminal
from llavaction.reports.table import Cell, Table

TABLE = Table(
    "Kitchen [v2]",
    ("MQA", "head verb", "lost"),
    {
        "untrained": (Cell(0.2, 30), Cell(None, 0), Cell(7, 30, is_share=False)),
        "hard [lora]": (Cell(2 / 3, 30), Cell(1.0, 30), Cell(0, 30, is_share=False)),
    },
)
MEASURED = Cell(
    0.7312, 90, low=0.7, high=0.76, num_videos=6, num_excluded=3, reported=0.734, run="runs/a", notes=("n",)
)
WHOLE = Table(
    "Stack",
    ("MQA", "a|b"),
    {"+ token": (MEASURED, Cell(None, 0, reported=0.5)), "none | yet": (Cell(None, 0, notes=("m", "n")),) * 2},
    row_notes={"none | yet": "nobody wrote captions"},
    note="All of it.",
    source="as reported: somewhere",
)


def test_markdown() -> None:
    assert to_markdown(TABLE) == (
        "## Kitchen [v2]\n"
        "\n"
        "|  | MQA | head verb | lost |\n"
        "| --- | ---: | ---: | ---: |\n"
        "| untrained | 20.0 | – | 7 |\n"
        "| hard [lora] | 66.7 | 100.0 | 0 |\n"
    )


def test_markdown_with_all_there_is() -> None:
    assert to_markdown(WHOLE) == (
        "## Stack\n"
        "\n"
        "|  | MQA | a\\|b |\n"
        "| --- | ---: | ---: |\n"
        "| + token | 73.1¹ [70.0, 76.0] (73.4) | – (50.0) |\n"
        "| none \\| yet² | –³ ¹ | –³ ¹ |\n"
        "\n"
        "All of it.\n"
        "\n"
        "In brackets: 95 % intervals, resampled by video.\n"
        "\n"
        "In parentheses: as reported: somewhere.\n"
        "\n"
        "¹ n.\n"
        "\n"
        "² nobody wrote captions.\n"
        "\n"
        "³ m.\n"
    )


def test_a_figure_of_ours_is_never_taken_for_the_papers() -> None:
    only = replace(WHOLE, rows={"r": (Cell(None, 0, reported=0.5), Cell(0.5, 3))}, row_notes={}, note=None)

    assert "| r | – (50.0) | 50.0 |" in to_markdown(only)


def test_json() -> None:
    assert json.loads(json.dumps(to_json(TABLE))) == {
        "title": "Kitchen [v2]",
        "rows": {
            "untrained": {
                "MQA": {"value": 0.2, "num_questions": 30},
                "head verb": {"value": None, "num_questions": 0},
                "lost": {"value": 7, "num_questions": 30},
            },
            "hard [lora]": {
                "MQA": {"value": 2 / 3, "num_questions": 30},
                "head verb": {"value": 1.0, "num_questions": 30},
                "lost": {"value": 0, "num_questions": 30},
            },
        },
    }


def test_json_with_all_there_is() -> None:
    found = json.loads(json.dumps(to_json(WHOLE)))

    assert found["rows"]["+ token"]["MQA"] == {
        "value": 0.7312,
        "num_questions": 90,
        "low": 0.7,
        "high": 0.76,
        "reported": 0.734,
        "run": "runs/a",
        "num_videos": 6,
        "num_excluded": 3,
        "notes": ["n"],
    }
    assert found["row_notes"] == {"none | yet": "nobody wrote captions"}
    assert (found["note"], found["source"]) == ("All of it.", "as reported: somewhere")


@pytest.mark.parametrize("name", ["low", "high", "reported"])
def test_json_keeps_a_share_of_zero(name: str) -> None:
    table = replace(TABLE, rows={"r": (Cell(0.0, 3, **{name: 0.0}),) * 3})  # type: ignore[arg-type]

    assert to_json(table)["rows"]["r"]["MQA"][name] == 0.0


def lines_of(table: Table) -> list[list[str]]:
    console = Console(file=io.StringIO(), width=80)
    console.print(to_terminal(table))
    assert isinstance(console.file, io.StringIO)
    return [line.split() for line in console.file.getvalue().splitlines()]


def test_terminal() -> None:
    words = lines_of(TABLE)

    assert words[0] == ["Kitchen", "[v2]"]
    assert ["MQA", "head", "verb", "lost"] in words
    assert ["untrained", "20.0", "–", "7"] in words
    assert ["hard", "[lora]", "66.7", "100.0", "0"] in words


def test_terminal_sets_what_belongs_to_a_figure_below_it() -> None:
    words = lines_of(WHOLE)
    row = words.index(["+", "token", "73.1¹", "–"])

    assert words[row + 1 : row + 3] == [["70.0–76.0", "(50.0)"], ["(73.4)"]]
    # What stands below is broken where the table ends.
    below = " ".join(word for line in words[row + 4 :] for word in line)
    assert "In parentheses: as reported: somewhere." in below
    assert "² nobody wrote captions." in below


NUMBERS = Table(
    "Numbers",
    ("score", "p", "difference"),
    {
        "a": (
            Cell(0.0774, 9, is_share=False, decimals=3, low=0.0561, high=0.1004),
            Cell(3e-7, 9, is_share=False, decimals=4),
            Cell(-0.011, 9, low=-0.033, high=0.011),
        ),
        "b": (Cell(0.0, 9, is_share=False, decimals=3), Cell(0.0433, 9, is_share=False, decimals=4), Cell(0.02, 9)),
    },
)


def test_numbers_that_are_no_shares_have_their_own_decimals() -> None:
    lines = to_markdown(NUMBERS).splitlines()

    # No p-value is 0, however small, and a perfect score is.
    assert lines[4] == "| a | 0.077 [0.056, 0.100] | <0.0001 | -1.1 [-3.3, 1.1] |"
    assert lines[5] == "| b | 0.000 | 0.0433 | 2.0 |"


def test_an_interval_below_zero_has_no_dash_on_the_terminal() -> None:
    words = lines_of(NUMBERS)

    assert words[words.index(["a", "0.077", "<0.0001", "-1.1"]) + 1] == ["0.056–0.100", "-3.3", "to", "1.1"]
