"""The page in use: its script run by Node with a small stand-in for a browser, and in Chromium."""

from __future__ import annotations

import base64
import hashlib
import json
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from llavaction.reports.audit.questions import Question, read_questions
from llavaction.reports.audit.sheet import SheetRow, Verdict, blank_rows, read_sheet, to_csv
from tests.reports.audit.conftest import sample
from tests.reports.audit.pages import Tree, hostile_sample, page_of, text_of

HERE = Path(__file__).parent
DRIVER = (HERE / "driver.js").read_text(encoding="utf-8")
SHOW_ONLY = """
const shown = document.createElement("pre");
shown.id = "result";
const checked = document.querySelectorAll("input[type=radio]").filter((radio) => radio.checked);
const written = document.querySelectorAll("input[type=text]").map((comment) => comment.value);
shown.textContent = JSON.stringify([checked.map((radio) => radio.attributes.name + radio.value), written]);
document.body.append(shown);
"""
NODE = shutil.which("node")
CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
needs_node = pytest.mark.skipif(NODE is None, reason="node is not installed")
needs_chromium = pytest.mark.skipif(CHROMIUM is None, reason="chromium is not installed")


@pytest.fixture
def drawn(write_folder: Callable[..., str]) -> list[Question]:
    """Three questions of four distractors, one with texts that attack page and sheet."""
    return list(read_questions([write_folder([hostile_sample(), sample(0), sample(2)])]).values())


def run_in_node(html: str, driver: str, storage: dict[str, str] | None) -> dict[str, Any]:
    tree = Tree(html)
    (script,) = [text_of(element) for element in tree.find("script") if not element[1]]
    world = {"tree": tree.root, "scripts": [script, driver], "storage": storage}
    command = [str(NODE), str(HERE / "small_dom.js")]
    result = subprocess.run(command, input=json.dumps(world), capture_output=True, text=True, timeout=60)
    assert result.returncode == 0, result.stderr
    printed: dict[str, Any] = json.loads(result.stdout)
    return printed


def run_in_chromium(html: str, folder: Path) -> Any:
    """Open the page with the driver behind its script; the page's own policy stays in force."""
    digest = base64.b64encode(hashlib.sha256(DRIVER.encode()).digest()).decode()
    html = html.replace("script-src ", f"script-src 'sha256-{digest}' ")
    page = folder / "audit.html"
    page.write_text(html.replace("</body>", f"<script>{DRIVER}</script></body>"), encoding="utf-8")
    quiet = ["--disable-background-networking", "--disable-component-update", "--disable-sync", "--no-first-run"]
    command = [str(CHROMIUM), "--headless", "--no-sandbox", "--disable-gpu", *quiet]
    command += [f"--user-data-dir={folder / 'profile'}", "--virtual-time-budget=10000", "--dump-dom", page.as_uri()]
    result = subprocess.run(command, capture_output=True, text=True, timeout=120)
    assert result.returncode == 0, result.stderr
    found = Tree(result.stdout).find("pre", id="result")
    assert found, f"the page's script did not run to its end: {result.stderr}"
    return json.loads(text_of(found[0]))


def check(result: Any, drawn: list[Question], path: Path) -> list[SheetRow]:
    """What the driver must have found; returns the rows of the downloaded sheet."""
    assert bytes.fromhex(result["untouched"]).decode() == to_csv(blank_rows(drawn))
    assert result["count"] == ["0 of 12 judged", "3 of 12 judged", "4 of 12 judged"]
    # Clicked; one down; two verdicts later; after changes of mind; the next open one, from the first on; still there;
    # one verdict and one step further; the last one.
    assert result["places"] == [1, 2, 4, 4, 4, 4, 6, 11]
    assert result["commenting"] is True
    assert result["progress"] == pytest.approx(4 / 12)
    assert (result["unkept"], result["kept"], result["name"]) == (False, 1, "audit_filled.csv")
    path.write_bytes(bytes.fromhex(result["sheet"]))
    rows = read_sheet(path)
    assert path.read_bytes().decode() == to_csv(rows)
    return rows


def filled(drawn: list[Question]) -> list[tuple[Verdict | None, str]]:
    """Verdict and comment of each row after the driver."""
    expected: list[tuple[Verdict | None, str]] = [(None, "")] * 12
    expected[1] = (Verdict.ALSO_CORRECT, "")
    expected[2] = (Verdict.UNCLEAR, "")
    expected[3] = (Verdict.ALSO_CORRECT, "")
    expected[4] = (Verdict.UNCLEAR, '=cmd, "so; and—so"')
    expected[11] = (None, "-5 <b>")
    return expected


@needs_node
def test_the_downloaded_sheet_is_what_the_reader_takes(drawn: list[Question], tmp_path: Path) -> None:
    result = json.loads(run_in_node(page_of(drawn), DRIVER, {})["result"])
    rows = check(result, drawn, tmp_path / "a.csv")

    assert [(row.verdict, row.comment) for row in rows] == filled(drawn)
    assert [row.key for row in rows] == [row.key for row in blank_rows(drawn)]


@needs_node
def test_a_page_opened_again_is_as_it_was_left(drawn: list[Question]) -> None:
    html = page_of(drawn)
    storage = run_in_node(html, DRIVER, {})["storage"]
    checked, written = json.loads(run_in_node(html, SHOW_ONLY, storage)["result"])

    assert checked == ["verdict-1also_correct", "verdict-2unclear", "verdict-3also_correct", "verdict-4unclear"]
    assert {row: text for row, text in enumerate(written) if text} == {4: '=cmd, "so; and—so"', 11: "-5 <b>"}


@needs_node
def test_another_drawing_starts_empty(drawn: list[Question]) -> None:
    storage = run_in_node(page_of(drawn), DRIVER, {})["storage"]
    checked, written = json.loads(run_in_node(page_of(drawn[1:]), SHOW_ONLY, storage)["result"])

    assert checked == []
    assert set(written) == {""}


@needs_node
def test_a_browser_that_keeps_nothing_is_told_of(drawn: list[Question]) -> None:
    result = json.loads(run_in_node(page_of(drawn), DRIVER, None)["result"])

    assert result["unkept"] is True
    assert result["count"][-1] == "4 of 12 judged"


@pytest.mark.slow
@needs_chromium
def test_the_page_in_chromium(drawn: list[Question], tmp_path: Path) -> None:
    rows = check(run_in_chromium(page_of(drawn), tmp_path), drawn, tmp_path / "a.csv")

    assert [(row.verdict, row.comment) for row in rows] == filled(drawn)
