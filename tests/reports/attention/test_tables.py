"""Tables hold the figures that they should, in words that one can read, and render whatever is in them."""

from __future__ import annotations

import re

import pytest
from rich.console import Console

from llavaction.evaluation.attention.places import Query, TokenGroup
from llavaction.evaluation.attention.records import Run
from llavaction.evaluation.attention.summary import summarise
from llavaction.reports.attention.render import to_markdown, to_terminal
from llavaction.reports.attention.tables import TextTable, layer_tables, overview_tables
from tests.evaluation.attention.worlds import AS_TRAINED, INFOS, OTHER, clips_of


@pytest.fixture(scope="module")
def summary():
    return summarise(clips_of(6), INFOS, seed=0)


def first_number(cell):
    return float(re.match(r"[+-]?[\d.]+", cell).group())


def test_overview_of_the_answer(summary):
    table = overview_tables(summary)[0]
    assert table.title == "Attention from the answer, percent, mean over layers and heads"
    mine, left_out, other = (info.label for info in INFOS)
    assert table.columns == (
        *(mine, left_out, other, "if spread evenly"),
        *(f"{left_out}, minus {mine}", f"{other}, minus {mine}"),
    )
    assert list(table.rows) == [
        *("first token", "system prompt", "visual", "newlines", "action token", "question", "answer so far"),
    ]
    for number in (0, 3):
        assert sum(first_number(cells[number]) for cells in table.rows.values()) == pytest.approx(100, abs=0.4)
    assert table.rows["action token"][1:3] == ("–", "–")
    overall = summary.runs[Run.AS_TRAINED].attention[Query.ANSWER].overall[TokenGroup.VISUAL]
    low, high = 100 * overall.low, 100 * overall.high
    assert table.rows["visual"][0] == f"{100 * overall.value:.1f} ({low:.1f}–{high:.1f})"
    change = summary.differences[0].attention[Query.ANSWER][TokenGroup.VISUAL]
    low, high = 100 * change.low, 100 * change.high
    assert table.rows["visual"][4] == f"{100 * change.value:+.2f} ({low:+.2f} to {high:+.2f})"


def test_overview_of_the_action_token_and_of_likeness(summary):
    _, action_token, likeness = overview_tables(summary)
    assert action_token.columns == ("with action token", "if spread evenly")
    assert "question" not in action_token.rows and "action token" in action_token.rows
    assert list(likeness.rows) == [
        *("visual and text", "among visual", "among text", "modality gap", "log-likelihood of the answer"),
    ]
    assert len(likeness.columns) == 5


def test_every_layer_has_its_row(summary):
    tables = {table.title: table for table in layer_tables(summary)}
    assert len(tables) == 4 + 3
    shares = tables["Attention from the answer, other checkpoint (no action token), percent by layer"]
    assert list(shares.rows) == ["layer 1", "layer 2", "layer 3"]
    for cells in shares.rows.values():
        assert sum(map(float, cells)) == pytest.approx(100, abs=0.4)
    likeness = tables["Likeness of visual and text tokens, with action token, by layer"]
    assert list(likeness.rows) == ["input", *(f"layer {number}" for number in range(1, 7))]


def test_markdown_has_all_tables_of_equal_columns(summary):
    text = to_markdown(summary)
    assert text.startswith("# What attention does\n\n- 6 questions of 3 videos\n- with action token: `runs/mine`\n")
    assert text.count("\n## ") == 3 + 7
    for block in text.split("\n\n"):
        if block.startswith("|"):
            assert len({line.count("|") for line in block.splitlines()}) == 1
    assert "nan" not in text and "None" not in text


def test_one_question_has_no_intervals():
    summary = summarise(clips_of(1, (AS_TRAINED, OTHER)), [AS_TRAINED, OTHER], seed=0)
    assert to_markdown(summary).startswith("# What attention does\n\n- 1 question of 1 video\n")
    for table in overview_tables(summary):
        assert not any("(" in cell for cells in table.rows.values() for cell in cells)


def test_small_shares_have_two_decimals(summary):
    table = TextTable("t", ("one",), {"a": ("0.03",)})
    assert "0.03" in printed(table)
    clips = clips_of(1, (AS_TRAINED,))
    shares = clips[0].measured[Run.AS_TRAINED].attention[Query.ANSWER].shares_LHG
    shares[:] = [0.0003, 0.0094, 0.00996, 0.1, 0.0, 0.38034, 0.5]
    rows = overview_tables(summarise(clips, [AS_TRAINED], seed=0))[0].rows
    assert [cells[0] for cells in rows.values()] == ["0.03", "0.94", "1.0", "10.0", "0.00", "38.0", "50.0"]


@pytest.mark.parametrize("width", [60, 80, 200])
def test_no_number_is_cut_on_the_terminal(summary, width):
    for table in overview_tables(summary):
        words = {word for cells in table.rows.values() for cell in cells for word in cell.split()}
        text = printed(table, width)
        assert all(word in text.split() for word in words)


def test_marks_of_rich_in_names_stay():
    table = TextTable("[bold]t", ("[red]one",), {"[i]a": ("1",)})
    text = printed(table)
    assert "[bold]t" in text and "[red]one" in text and "[i]a" in text


def printed(table, width=80):
    console = Console(width=width, record=True, file=open("/dev/null", "w"))  # noqa: SIM115
    console.print(to_terminal(table), soft_wrap=True)
    return console.export_text()
