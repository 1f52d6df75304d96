"""The same work for many videos, in several processes, where one broken video does not stop the others."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import Future, ProcessPoolExecutor, as_completed
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass, field
from functools import partial
from multiprocessing import get_context, parent_process
from pathlib import Path
from typing import Any, Generic, TypeVar

from llavaction.utils.errors import ConfigError, LlavactionError
from llavaction.utils.jsonl import read_json, write_json
from llavaction.utils.progress import make_progress

T = TypeVar("T")
R = TypeVar("R")


@dataclass
class Outcome(Generic[R]):
    """What came of each job, by name."""

    results: dict[str, R] = field(default_factory=dict)
    failures: dict[str, str] = field(default_factory=dict)
    """Error text by name."""


def run_jobs(work: Callable[[str, T], R], items: Mapping[str, T], num_workers: int, title: str) -> Outcome[R]:
    """Call `work(name, item)` for every item and show a progress bar.

    Args:
        work: a function of a module, or a `partial` of one, as it is sent to other processes.
        items: by name.
        num_workers: processes; with 1 there is only this one. More are spawned, so a script must call this
            function under ``if __name__ == "__main__":``.
        title: what the bar says.

    Raises:
        ConfigError: when `num_workers` is below 1.
        LlavactionError: when a process was killed, as happens when memory runs out, or the user stopped the run.
    """
    if num_workers < 1:
        raise ConfigError(f"workers is {num_workers}; choose at least 1")
    outcome: Outcome[R] = Outcome()
    with make_progress() as progress:
        bar = progress.add_task(title, total=len(items))
        try:
            for name, result in _results(work, items, num_workers):
                _collect(outcome, name, result)
                progress.advance(bar)
        except KeyboardInterrupt:
            raise LlavactionError("stopped; run the same command again to go on") from None
    return _in_order(outcome, items)


def _results(
    work: Callable[[str, T], R], items: Mapping[str, T], num_workers: int
) -> Iterator[tuple[str, Callable[[], R]]]:
    """Name and result of each job as they come; a result is a call, as it may raise the job's error."""
    if num_workers == 1:
        for name, item in items.items():
            yield name, partial(work, name, item)
        return
    # Spawned processes share nothing with this one, so threads of other libraries cannot be caught mid-step.
    processes = max(1, min(num_workers, len(items)))
    pool = ProcessPoolExecutor(processes, get_context("spawn"), initializer=_end_with_parent)
    try:
        jobs: dict[Future[R], str] = {pool.submit(work, name, item): name for name, item in items.items()}
        for job in as_completed(jobs):
            yield jobs[job], job.result
    finally:
        pool.shutdown(cancel_futures=True)


def _collect(outcome: Outcome[R], name: str, result: Callable[[], R]) -> None:
    try:
        outcome.results[name] = result()
    except BrokenProcessPool as error:
        raise LlavactionError("a worker process was killed; out of memory? run again with fewer workers") from error
    except LlavactionError as error:
        outcome.failures[name] = str(error)


def _in_order(outcome: Outcome[R], items: Mapping[str, Any]) -> Outcome[R]:
    return Outcome(
        {name: outcome.results[name] for name in items if name in outcome.results},
        {name: outcome.failures[name] for name in items if name in outcome.failures},
    )


def _end_with_parent() -> None:
    """End this process with the one that started it, which may be killed without a chance to say so."""

    def wait() -> None:
        parent = parent_process()
        assert parent is not None
        parent.join()
        os._exit(1)

    threading.Thread(target=wait, daemon=True).start()


def claim_folder(record: Path, settings: Mapping[str, Any]) -> None:
    """Note in file `record` with what settings its folder is filled, and refuse others.

    Raises:
        ConfigError: naming the first setting that differs from what the file says.
    """
    if not record.exists():
        write_json(record, dict(settings))
    known = read_json(record)
    if known == dict(settings):
        return
    for name in sorted({*known, *settings}):
        if known.get(name) != settings.get(name):
            raise ConfigError(
                f"{record}: this folder was made with {name}={known.get(name)}, not {settings.get(name)}; "
                "use the same settings or another folder"
            )
