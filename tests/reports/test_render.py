"""The same table in three forms."""

from __future__ import annotations

import io
import json

from rich.console import Console

from llavaction.reports.collect import Cell, Table
from llavaction.reports.render import to_json, to_markdown, to_terminal

TABLE = Table(
    "Kitchen [v2]",
    ("MQA", "head verb", "lost"),
    {
        "untrained": (Cell(0.2, 30), Cell(None, 0), Cell(7, 30, is_share=False)),
        "hard [lora]": (Cell(2 / 3, 30), Cell(1.0, 30), Cell(0, 30, is_share=False)),
    },
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


def test_terminal() -> None:
    console = Console(file=io.StringIO(), width=80)
    console.print(to_terminal(TABLE))
    assert isinstance(console.file, io.StringIO)
    lines = console.file.getvalue().splitlines()

    assert lines[0].strip() == "Kitchen [v2]"
    words = [line.split() for line in lines]
    assert ["MQA", "head", "verb", "lost"] in words
    assert ["untrained", "20.0", "–", "7"] in words
    assert ["hard", "[lora]", "66.7", "100.0", "0"] in words
