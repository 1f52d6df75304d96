"""The list of samples that a run uses, in its folder: `samples.jsonl`.

One line for up to 1000 samples of a dataset that come equally often::

    {"dataset": "mqa", "sample_ids": ["mqa/specialist/P01_11_0", "mqa/specialist/P01_11_1"], "times": 1}

`times` is how often each comes per epoch. Half a million samples take 20 MB.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from llavaction.processing.mixture import Mixture
from llavaction.utils.errors import ConfigError
from llavaction.utils.jsonl import dump_line, read_json, read_jsonl, write_text
from llavaction.utils.runs import RUN_FILE

SAMPLES_FILE = "samples.jsonl"
_IDS_PER_LINE = 1000


def record_samples(folder: Path, mixture: Mixture, *, resumes: bool, writes: bool) -> str:
    """Write the list of a run's samples, and return its SHA-256.

    Args:
        resumes: the run goes on from a checkpoint, so its samples must be those that it began with.
        writes: whether this process writes the file; one process does.

    Raises:
        ConfigError: when a run that goes on would use other samples, or files of other content.
    """
    text = "".join(dump_line(row) + "\n" for row in _rows(mixture.times))
    path = folder / SAMPLES_FILE
    if resumes and path.is_file():
        if path.read_text(encoding="utf-8") != text:
            raise ConfigError(
                f"{folder} holds a run on other samples ({_difference(read_used(path), mixture.times)}); set mixture "
                "and train.seed as they were to go on, or choose another folder with output=FOLDER"
            )
        _check_files(folder, mixture.hashes)
    elif writes:
        write_text(path, text)
    return hashlib.sha256(text.encode()).hexdigest()


def read_used(path: Path) -> dict[str, dict[str, int]]:
    """How often each sample of each dataset comes per epoch, as `record_samples` wrote it."""
    used: dict[str, dict[str, int]] = {}
    for row in read_jsonl(path):
        used.setdefault(row["dataset"], {}).update(dict.fromkeys(row["sample_ids"], row["times"]))
    return used


def _rows(times: Mapping[str, Mapping[str, int]]) -> Iterator[dict[str, Any]]:
    for dataset, used in times.items():
        by_times: dict[int, list[str]] = {}
        for sample_id, number in used.items():
            by_times.setdefault(number, []).append(sample_id)
        for number, ids in sorted(by_times.items()):
            for start in range(0, len(ids), _IDS_PER_LINE):
                yield {"dataset": dataset, "times": number, "sample_ids": ids[start : start + _IDS_PER_LINE]}


def _difference(before: Mapping[str, Mapping[str, int]], now: Mapping[str, Mapping[str, int]]) -> str:
    """The first dataset that differs, and how."""
    for dataset in sorted({*before, *now}):
        old, new = before.get(dataset, {}), now.get(dataset, {})
        if old == new:
            continue
        example = min(name for name in {*old, *new} if old.get(name) != new.get(name))
        return (
            f"{dataset} gave {sum(old.values())} per epoch, now {sum(new.values())}; {example!r} came "
            f"{old.get(example, 0)} times, now {new.get(example, 0)}"
        )
    return "the same ones in another order"


def _check_files(folder: Path, hashes: Mapping[str, str]) -> None:
    """Files may have moved, but must have the content with which the run began."""
    path = folder / RUN_FILE
    before = set(read_json(path)["data_sha256"].values())
    changed = sorted(file for file, digest in hashes.items() if digest not in before)
    if changed:
        raise ConfigError(
            f"{changed[0]} is not what it was when the run in {folder} began (data_sha256 in {path}); bring the file "
            "back to go on, or choose another folder with output=FOLDER"
        )
