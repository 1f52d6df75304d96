"""The build: every segment of every split through every builder, into JSONL files and a manifest."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from multiprocessing import get_all_start_methods, get_context
from pathlib import Path
from typing import Any

from llavaction.annotations.epic_kitchens import Annotations, Split
from llavaction.annotations.segments import Segment
from llavaction.sft.builders.base import Builder
from llavaction.sft.classes import ClassTable
from llavaction.sft.factory import BuilderFactory, Recipe
from llavaction.sft.manifest import MANIFEST, describe, file_entry, read_manifest
from llavaction.sft.narrations import order_in_time
from llavaction.sft.replay import build_replay
from llavaction.sft.samples import Sample, View, sample_files
from llavaction.sft.tally import Tally
from llavaction.utils.errors import DataError
from llavaction.utils.hashing import file_sha256
from llavaction.utils.jsonl import dump_line, write_json, write_text
from llavaction.utils.paths import inside

logger = logging.getLogger(__name__)

Progress = Callable[[str, int, int], None]

_BLOCK = 500
"""Segments per task of a worker; also how often progress is told."""


@dataclass(frozen=True)
class BuiltFile:
    """The samples of one view of one split, as JSONL lines, and what was counted on the way."""

    name: str
    lines: list[str]
    tally: Tally


def build_sft(
    annotations: Annotations, recipe: Recipe, folder: Path, on_progress: Progress | None = None
) -> dict[str, Any]:
    """Write `{split}_{view}.jsonl`, `classes.json` and `manifest.json` below `folder`; return the manifest.

    Samples stand in the order of their videos and times, so that files are the same to the byte whatever the order of
    the annotation rows, the number of workers, or the Python version.

    Args:
        on_progress: called with the file's stem, the number of segments done and their total.

    Raises:
        ConfigError, DataError: when inputs are missing or do not fit each other.
    """
    factory = BuilderFactory(annotations, recipe)
    _clear(folder)
    entries: dict[str, Any] = {}
    lines: list[str] = []
    for built in _build_files(annotations, recipe, factory, on_progress or _tell_nobody):
        _write_shards(folder, built, recipe.sft.num_shards)
        entries[f"{built.name}.jsonl"] = file_entry(built.lines, built.tally)
        lines += built.lines
    if not entries:
        raise DataError("nothing to build: no segment of the chosen splits is annotated for the chosen views")
    ClassTable.from_annotations(annotations).save(folder)
    manifest = describe(recipe, annotations.vocabulary, factory, entries, lines)
    write_json(folder / MANIFEST, manifest)
    return manifest


def _clear(folder: Path) -> None:
    """Remove what an earlier build wrote: its files are not this one's, and a stopped build must claim nothing."""
    if not (folder / MANIFEST).is_file():
        return
    for name in read_manifest(folder)["files"]:
        for path in sample_files(inside(folder, name)):
            path.unlink()
    (folder / MANIFEST).unlink()


def _build_files(
    annotations: Annotations, recipe: Recipe, factory: BuilderFactory, on_progress: Progress
) -> Iterator[BuiltFile]:
    for split in recipe.sft.splits:
        segments = sorted(annotations.split(split), key=order_in_time)
        for view in recipe.sft.views:
            name = f"{split}_{view}"
            if view in (View.CAPTION, View.QA) and not factory.is_annotated(split):
                logger.warning("%s: no segment of this split is annotated; no file is written", name)
            elif view is not View.REPLAY:
                builder = factory.builder(view, split)
                yield _run(name, builder, segments, split, recipe.sft.num_workers, on_progress)
            elif split is Split.TRAIN:
                yield _replay(name, recipe, factory)


def _run(
    name: str, builder: Builder, segments: Sequence[Segment], split: Split, num_workers: int, on_progress: Progress
) -> BuiltFile:
    blocks = [segments[start : start + _BLOCK] for start in range(0, len(segments), _BLOCK)]
    built = BuiltFile(name, [], Tally())
    for number, (lines, tally) in enumerate(_map_blocks(builder, split, blocks, num_workers), start=1):
        built.lines.extend(lines)
        built.tally.add(tally)
        on_progress(name, min(number * _BLOCK, len(segments)), len(segments))
    if not built.lines:
        raise DataError(
            f"{name}: none of the {len(segments)} segments has a sample ({built.tally.to_row(('left_out',))}); leave "
            "the view or the split out with sft.views, sft.splits"
        )
    return built


def _map_blocks(
    builder: Builder, split: Split, blocks: Sequence[Sequence[Segment]], num_workers: int
) -> Iterator[tuple[list[str], Tally]]:
    if num_workers == 0:
        yield from (_build_block(builder, split, block) for block in blocks)
        return
    # A forked worker shares the tables of its parent; where there is no fork they are sent to it once.
    method = "fork" if "fork" in get_all_start_methods() else "spawn"
    with ProcessPoolExecutor(num_workers, get_context(method), _start_worker, (builder, split)) as pool:
        yield from pool.map(_build_in_worker, blocks)


def _build_block(builder: Builder, split: Split, segments: Sequence[Segment]) -> tuple[list[str], Tally]:
    tally = Tally()
    samples = (builder.build(segment, split, tally) for segment in segments)
    return [_line(sample) for sample in samples if sample is not None], tally


_worker: tuple[Builder, Split]


def _start_worker(builder: Builder, split: Split) -> None:
    global _worker
    _worker = (builder, split)


def _build_in_worker(segments: Sequence[Segment]) -> tuple[list[str], Tally]:
    return _build_block(*_worker, segments)


def _replay(name: str, recipe: Recipe, factory: BuilderFactory) -> BuiltFile:
    config = recipe.sft.replay
    samples, counts = build_replay(config, recipe.sft.seed)
    factory.hashes[config.path] = file_sha256(Path(config.path))
    tally = Tally()
    for reason, number in counts.items():
        tally.count("replay", reason, number)
    return BuiltFile(name, [_line(sample) for sample in samples], tally)


def _write_shards(folder: Path, built: BuiltFile, num_shards: int) -> None:
    path = folder / f"{built.name}.jsonl"
    for old in sample_files(path):
        old.unlink()
    for number in range(num_shards):
        shard = path if num_shards == 1 else path.with_stem(f"{path.stem}-{number:05}-of-{num_shards:05}")
        first, last = (len(built.lines) * end // num_shards for end in (number, number + 1))
        write_text(shard, "".join(line + "\n" for line in built.lines[first:last]))


def _line(sample: Sample) -> str:
    return dump_line(sample.to_row())


def _tell_nobody(name: str, done: int, total: int) -> None:
    pass
