from __future__ import annotations

import logging
import warnings
from collections.abc import Iterator
from pathlib import Path

import pytest

from llavaction.utils.logs import set_up_logging


@pytest.fixture(autouse=True)
def root_logger() -> Iterator[logging.Logger]:
    """The root logger without pytest's handlers, put back as it was."""
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    root.handlers[:] = []
    logging.captureWarnings(False)
    yield root
    for handler in root.handlers:
        handler.close()
    root.handlers[:] = handlers
    root.setLevel(level)
    logging.captureWarnings(False)


def test_lines_go_into_the_run_folder(tmp_path: Path) -> None:
    set_up_logging(tmp_path / "runs" / "one")
    logging.getLogger("llavaction.sft").info("made %d samples", 3)
    logging.getLogger("llavaction.sft").debug("not this one")
    text = (tmp_path / "runs" / "one" / "log.txt").read_text()
    assert text.endswith("INFO llavaction.sft: made 3 samples\n")
    assert text.count("\n") == 1


def test_lines_go_to_standard_error(capsys: pytest.CaptureFixture[str]) -> None:
    set_up_logging()
    logging.getLogger("llavaction").info("to the console")
    captured = capsys.readouterr()
    assert "to the console" in captured.err
    assert captured.out == ""


def test_a_second_call_does_not_write_twice(tmp_path: Path) -> None:
    set_up_logging(tmp_path)
    set_up_logging(tmp_path)
    logging.getLogger("llavaction").info("once")
    assert (tmp_path / "log.txt").read_text().count("once") == 1


def test_python_warnings_are_logged(tmp_path: Path) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("always")
        set_up_logging(tmp_path)
        warnings.warn("odd frame rate", stacklevel=1)
    assert "odd frame rate" in (tmp_path / "log.txt").read_text()


def test_talkative_libraries_are_kept_to_warnings(tmp_path: Path) -> None:
    set_up_logging(tmp_path)
    logging.getLogger("httpx").info("GET")
    logging.getLogger("httpx").warning("timeout")
    text = (tmp_path / "log.txt").read_text()
    assert "GET" not in text
    assert "timeout" in text


def test_other_processes_have_their_own_file_and_a_quiet_console(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("RANK", "1")
    set_up_logging(tmp_path)
    logging.getLogger("llavaction").info("step")
    logging.getLogger("llavaction").warning("slow disk")
    assert [path.name for path in tmp_path.iterdir()] == ["log_rank1.txt"]
    assert "step" in (tmp_path / "log_rank1.txt").read_text()
    shown = capsys.readouterr().err
    assert "slow disk" in shown
    assert "step" not in shown
