"""The paper's figures: one file, every key in use, every mistake named."""

from __future__ import annotations

from pathlib import Path

import pytest

from llavaction.config.compose import compose_config
from llavaction.reports.tables.cells import cells_of
from llavaction.reports.tables.reported import PACKAGED, read_reported
from llavaction.utils.errors import ConfigError, DataError


def test_figures_are_read_as_shares() -> None:
    figures = read_reported()

    assert figures.share("component_stack.in_distribution") == pytest.approx(0.77)
    assert figures.share("ek100_recognition.two_stage_narrations_action") == pytest.approx(0.632)
    assert "as reported" in figures.source


def test_the_papers_tables_show_every_figure_and_no_other() -> None:
    tables = compose_config("report", ["report=paper"]).report.all_tables
    shown = [cell.reported for name, table in tables.items() for cell in cells_of(name, table) if cell.reported]

    assert set(shown) == set(read_reported().shares)


def test_a_copy_with_a_correction_is_taken(tmp_path: Path) -> None:
    copy = tmp_path / "mine.yaml"
    copy.write_text(PACKAGED.read_text().replace("gpt_4o_8: 52.2", "gpt_4o_8: 52.3"))

    assert read_reported(copy).share("main.gpt_4o_8") == pytest.approx(0.523)


def test_a_key_that_does_not_exist_comes_with_the_nearest() -> None:
    with pytest.raises(ConfigError, match=r"'main\.gtp_4o_8': not in .*reported\.yaml; did you mean 'main\.gpt_4o_8'"):
        read_reported().share("main.gtp_4o_8")


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("main: {a: 1}\n", "expected a `source`"),
        ("source: s\nmain: 3\n", "section 'main' is 3"),
        ("source: s\nmain: {a: 101}\n", r"main\.a is 101, expected a percentage"),
        ("source: s\nmain: {a: many}\n", r"main\.a is 'many'"),
        ("source: s\nmain: {a: true}\n", r"main\.a is True"),
        ("source: [\n", "not YAML"),
    ],
)
def test_what_is_no_figure_is_named(tmp_path: Path, text: str, problem: str) -> None:
    (tmp_path / "r.yaml").write_text(text)

    with pytest.raises(DataError, match=rf"r\.yaml: {problem}"):
        read_reported(tmp_path / "r.yaml")


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="no such file"):
        read_reported(tmp_path / "none.yaml")
