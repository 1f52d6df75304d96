"""Jobs: broken ones are told apart from the others, whichever process they ran in."""

from __future__ import annotations

import os
import signal
from pathlib import Path

import pytest

from llavaction.utils.errors import ConfigError, LlavactionError, VideoError
from llavaction.video.jobs import claim_folder, run_jobs


def halve(name: str, number: int) -> int:
    if number % 2:
        raise VideoError(f"{name} is odd")
    return number // 2


def die(name: str, number: int) -> int:
    os.kill(os.getpid(), signal.SIGKILL)
    return number


def fail(name: str, number: int) -> int:
    raise ZeroDivisionError(name)


@pytest.mark.parametrize("num_workers", [1, 2])
def test_results_and_failures_in_order(num_workers: int) -> None:
    outcome = run_jobs(halve, {"a": 4, "b": 3, "c": 2, "d": 1}, num_workers, "halving")
    assert list(outcome.results.items()) == [("a", 2), ("c", 1)]
    assert list(outcome.failures.items()) == [("b", "b is odd"), ("d", "d is odd")]


def test_no_jobs() -> None:
    for num_workers in (1, 2):
        outcome = run_jobs(halve, {}, num_workers, "halving")
        assert (outcome.results, outcome.failures) == ({}, {})


def test_defects_of_the_program_are_not_swallowed() -> None:
    with pytest.raises(ZeroDivisionError):
        run_jobs(fail, {"a": 1}, 1, "failing")


def test_a_killed_process_is_told() -> None:
    with pytest.raises(LlavactionError, match="a worker process was killed; out of memory"):
        run_jobs(die, {"a": 1, "b": 2}, 2, "dying")


def test_the_number_of_workers_is_checked() -> None:
    with pytest.raises(ConfigError, match="workers is 0"):
        run_jobs(halve, {"a": 2}, 0, "halving")


def test_a_folder_has_one_kind_of_settings(tmp_path: Path) -> None:
    record = tmp_path / "out" / "settings.json"
    claim_folder(record, {"size": 320, "crf": 20})
    claim_folder(record, {"crf": 20, "size": 320})
    with pytest.raises(ConfigError, match=r"settings\.json: this folder was made with crf=20, not 23"):
        claim_folder(record, {"size": 512, "crf": 23})
