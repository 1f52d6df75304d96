"""Verdicts to figures, and how figures are shown."""

from __future__ import annotations

import io
import json
from collections.abc import Callable

import pytest
from rich.console import Console

from llavaction.reports.audit.config import Draw
from llavaction.reports.audit.questions import Question, read_questions
from llavaction.reports.audit.rates import Rate
from llavaction.reports.audit.render import show_rate, to_markdown, to_terminal
from llavaction.reports.audit.result import AuditResult, Finding, summarise
from llavaction.reports.audit.sheet import Verdict, blank_rows
from llavaction.reports.audit.verdicts import Rater
from tests.reports.audit.conftest import TEXTS, sample

V, A, U = Verdict.VALID, Verdict.ALSO_CORRECT, Verdict.UNCLEAR
WORDS = {"v": V, "a": A, "u": U, " ": None}


@pytest.fixture
def both(write_folder: Callable[..., str]) -> list[Question]:
    """Two questions of each of two strategies, in the order of their ids: random 0, 1, specialist 0, 1."""
    paths = [
        write_folder([sample(0, name), sample(1, name, [*TEXTS[:4], "put | <b>*x*</b>"])], name)
        for name in ("random", "specialist")
    ]
    return list(read_questions(paths).values())


def rater(name: str, questions: list[Question], words: str) -> Rater:
    keys = [row.key for row in blank_rows(questions)]
    verdicts = dict(zip(keys, [WORDS[letter] for letter in words], strict=True))
    comments = {keys[-1]: f"{name}: same | thing"} if verdicts[keys[-1]] is A else {}
    return Rater(name, verdicts, comments, words.count(" "), 0)


@pytest.fixture
def result(both: list[Question]) -> AuditResult:
    raters = [rater("anna", both, "vvvvvvvvvuvaavva"), rater("ben", both, "vvvvvvv vvvavvva")]
    return summarise(both[::-1], raters, Draw.PER_ACTION, 7)


def test_groups_are_strategies_and_raters(result: AuditResult) -> None:
    counts = {
        name: (rates.also_correct.count, rates.also_correct.total, rates.unclear.count, rates.num_open)
        for name, rates in result.groups.items()
    }

    # Two disagreements are unclear; what one rater left out, the other decides.
    assert counts == {
        "all": (2, 16, 2, 0),
        "strategy random": (0, 8, 0, 0),
        "strategy specialist": (2, 8, 2, 0),
        "rater anna": (3, 16, 1, 0),
        "rater ben": (2, 15, 0, 1),
    }
    assert result.groups["rater ben"].questions_also_correct.total == 3
    assert result.agreement is not None
    assert result.agreement.num_distractors == 15
    assert result.agreement.percent_alike == pytest.approx(13 / 15)


def test_the_order_of_the_page_does_not_matter(both: list[Question]) -> None:
    raters = [rater("anna", both, "vvvvvvvvvuvaavva")]

    assert summarise(both, raters, Draw.UNIFORM, 0) == summarise(both[::-1], raters, Draw.UNIFORM, 0)


def test_one_rater_and_one_strategy_need_one_row(both: list[Question]) -> None:
    result = summarise(both[:2], [rater("anna", both[:2], "vvvaaaav")], Draw.UNIFORM, 0)

    assert list(result.groups) == ["all"]
    assert result.agreement is None


def test_findings_say_what_is_also_correct(result: AuditResult) -> None:
    assert [finding.sample_id for finding in result.findings] == ["mqa/specialist/P01_01_0", "mqa/specialist/P01_01_1"]
    assert result.findings[1] == Finding(
        "mqa/specialist/P01_01_1",
        4,
        "grab cup",
        "put | <b>*x*</b>",
        "wash plate",
        "specialist",
        ("anna: same | thing", "ben: same | thing"),
    )


def test_json(result: AuditResult) -> None:
    row = json.loads(json.dumps(result.to_json(), allow_nan=False))
    rate = row["rates"]["strategy specialist"]["also_correct"]

    assert (rate["share"], rate["count"], rate["total"]) == (0.25, 2, 8)
    assert rate["low"] == 0.25 == rate["high"] or rate["low"] < 0.25 < rate["high"]
    assert row["raters"] == {
        "anna": {"num_judged": 16, "num_blank": 0, "num_absent": 0},
        "ben": {"num_judged": 15, "num_blank": 1, "num_absent": 0},
    }
    assert (row["draw"], row["seed"], row["num_questions"]) == ("per_action", 7, 4)
    assert row["agreement"]["measure"] == "Cohen's kappa"
    assert len(row["also_correct"]) == 2


def test_markdown(result: AuditResult) -> None:
    lines = to_markdown(result).splitlines()

    assert lines[0] == "## Distractors that are also correct"
    assert lines[2].startswith("|  | judged | also correct % | unclear % | questions |")
    assert lines[4].startswith("| all | 16 | 12.5 (")
    assert "- Sheet ben: 15 judged, 1 not judged yet." in lines
    assert any(line.startswith("- The 2 raters agree on 86.7 % of 15 distractors that all of them") for line in lines)
    assert "- Drawn action by action: rare actions weigh more than in the whole file." in lines
    assert lines[-1] == (
        "| mqa/specialist/P01\\_01\\_1 | 4 | grab cup | put \\| \\<b\\>\\*x\\*\\</b\\> | "
        "anna: same \\| thing; ben: same \\| thing |"
    )


@pytest.mark.parametrize("width", [80, 120])
def test_nothing_is_cut_on_a_terminal(width: int, result: AuditResult) -> None:
    console = Console(file=io.StringIO(), width=width)
    console.print(to_terminal(result))
    assert isinstance(console.file, io.StringIO)
    text = console.file.getvalue()

    assert "specialist" in text
    assert "…" not in text
    for rates in result.groups.values():
        for word in show_rate(rates.also_correct).split():
            assert word in text
    assert "Cohen's kappa" in " ".join(text.split())


@pytest.mark.parametrize(
    ("rate", "shown"),
    [
        (Rate(1, 8, 0.0111, 0.4567), "12.5 (1.1–45.7)"),
        (Rate(0, 0, None, None), "–"),
        (Rate(0, 9, 0, 0.3), "0.0 (0.0–30.0)"),
    ],
)
def test_rates_are_shown_in_percent(rate: Rate, shown: str) -> None:
    assert show_rate(rate) == shown
