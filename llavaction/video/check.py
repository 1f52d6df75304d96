"""Which stretches of which videos are fit to be shown: files looked at one by one, and the report about them."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

from llavaction.annotations.epic_kitchens import VideoInfo
from llavaction.utils.errors import ConfigError, VideoError
from llavaction.utils.jsonl import read_json
from llavaction.video.chunking import RECORD_FILE
from llavaction.video.clip import MAX_OVERRUN_S
from llavaction.video.files import ChunkFolder, SingleFile
from llavaction.video.layout import VideoConfig, VideoLayout, find_video
from llavaction.video.probe import Probe, probe_file
from llavaction.video.report import CheckedVideo, Problem, VideoReport
from llavaction.video.sources import find_sources
from llavaction.video.timeline import FPS_TOLERANCE, MAX_MISSING_FRAMES

__all__ = ["CheckedVideo", "Problem", "VideoReport", "check_video", "videos_on_disk"]


def videos_on_disk(config: VideoConfig) -> list[str]:
    """Ids of the videos that a folder holds.

    Raises:
        ConfigError: for a layout other than `chunks` and `whole`.
    """
    if config.layout == VideoLayout.CHUNKS:
        folders = Path(config.folder).glob(f"*/*{config.extension}")
        return sorted(path.name.removesuffix(config.extension) for path in folders if path.is_dir())
    if config.layout == VideoLayout.WHOLE:
        return list(find_sources(Path(config.folder)))
    raise ConfigError(f"video.layout={config.layout}: only chunks and whole files can be checked")


def check_video(
    video_id: str, info: VideoInfo | None, config: VideoConfig, *, every_frame: bool = False
) -> CheckedVideo:
    """Read the header and the last frames of each file of one video.

    Args:
        video_id: such as `P01_01`.
        info: says how long the video should last. Without it, this is known of chunks that `chunk_video` wrote; of
            others only gaps between them are found.
        config: where videos lie; layout `chunks` or `whole`.
        every_frame: decode all frames, which also finds damage in the middle of a file.
    """
    try:
        files = find_video(config, video_id)
        if isinstance(files, ChunkFolder):
            return _check_chunks(video_id, files, info, every_frame)
        assert isinstance(files, SingleFile)
        probe = probe_file(files.file, every_frame=every_frame)
    except VideoError as error:
        stop_s = info.duration_s if info else math.inf
        return CheckedVideo(video_id, 0, 0.0, (Problem(video_id, "", 0.0, stop_s, str(error)),))
    problems = tuple(_check_end(video_id, files.file, probe.duration_s, info.duration_s if info else None))
    return CheckedVideo(video_id, 1, probe.duration_s, problems)


def _check_chunks(video_id: str, files: ChunkFolder, info: VideoInfo | None, every_frame: bool) -> CheckedVideo:
    chunks = files.chunks()
    probes: dict[int, Probe] = {}
    problems: list[Problem] = []
    for chunk_idx in chunks:
        try:
            probes[chunk_idx] = probe_file(files.path(chunk_idx), every_frame=every_frame)
        except VideoError as error:
            problems.append(_problem(video_id, files, chunk_idx, str(error)))
    unfinished, duration_s = _recorded(files)
    if info is not None:
        duration_s = info.duration_s
    expected = chunks[-1] + 1
    if duration_s is not None:
        expected = max(expected, math.ceil((duration_s - MAX_OVERRUN_S) / files.chunk_s))
    problems += _missing(video_id, files, set(chunks), expected)
    problems += _different(video_id, files, probes)
    problems += [
        problem
        for chunk_idx, probe in probes.items()
        if chunk_idx < expected - 1
        for problem in _short(video_id, files, chunk_idx, probe)
    ]
    stop_s = chunks[-1] * files.chunk_s + (probes[chunks[-1]].duration_s if chunks[-1] in probes else files.chunk_s)
    if chunks[-1] == expected - 1 and chunks[-1] in probes:
        problems += _check_end(video_id, files.path(chunks[-1]), stop_s, duration_s)
    if unfinished:
        problems.append(
            Problem(video_id, str(files.folder), stop_s, math.inf, "chunking was not finished; run it again")
        )
    problems.sort(key=lambda problem: (problem.start_s, problem.file))
    return CheckedVideo(video_id, len(chunks), stop_s, tuple(problems))


def _recorded(files: ChunkFolder) -> tuple[bool, float | None]:
    """Whether our own chunking was stopped before its end, and else how many seconds of video it wrote."""
    record = files.folder / RECORD_FILE
    if not record.exists():
        return False, None
    known = read_json(record)
    if "num_frames" not in known:
        return True, None
    return False, known["num_frames"] / known["fps"]


def _missing(video_id: str, files: ChunkFolder, present: set[int], expected: int) -> Iterator[Problem]:
    """One problem for each run of chunks that are not there."""
    first: int | None = None
    for chunk_idx in range(expected + 1):
        if chunk_idx < expected and chunk_idx not in present:
            first = chunk_idx if first is None else first
        elif first is not None:
            last = files.path(chunk_idx - 1).name
            text = "this chunk is missing" if chunk_idx - first == 1 else f"all chunks from here to {last} are missing"
            start_s, stop_s = first * files.chunk_s, chunk_idx * files.chunk_s
            yield Problem(video_id, str(files.path(first)), start_s, stop_s, f"{text}; chunk the video again")
            first = None


def _different(video_id: str, files: ChunkFolder, probes: dict[int, Probe]) -> Iterator[Problem]:
    """Chunks whose rate or size is not that of most chunks of the video."""
    if not probes:
        return
    fps = Counter(probe.fps for probe in probes.values()).most_common(1)[0][0]
    size = Counter((probe.width, probe.height) for probe in probes.values()).most_common(1)[0][0]
    for chunk_idx, probe in probes.items():
        if abs(probe.fps - fps) > FPS_TOLERANCE * fps:
            text = f"has {probe.fps:g} frames per second, most chunks have {fps:g}; chunk the video again"
            yield _problem(video_id, files, chunk_idx, text)
        if (probe.width, probe.height) != size:
            text = f"is {probe.width} x {probe.height}, most chunks are {size[0]} x {size[1]}; chunk the video again"
            yield _problem(video_id, files, chunk_idx, text)


def _short(video_id: str, files: ChunkFolder, chunk_idx: int, probe: Probe) -> Iterator[Problem]:
    """What a chunk that is not the last one lacks at its end."""
    needed = files.first_frame(chunk_idx + 1, probe.fps) - files.first_frame(chunk_idx, probe.fps)
    if needed - probe.num_frames > MAX_MISSING_FRAMES:
        start_s = chunk_idx * files.chunk_s
        yield Problem(
            video_id,
            str(probe.path),
            start_s + probe.duration_s,
            start_s + files.chunk_s,
            f"has {probe.num_frames} of {needed} frames, though it is not the last chunk; chunk the video again",
        )


def _check_end(video_id: str, path: Path, stop_s: float, duration_s: float | None) -> Iterator[Problem]:
    """Whether a video lasts as long as it should."""
    if duration_s is None or abs(stop_s - duration_s) <= MAX_OVERRUN_S:
        return
    text = f"the video ends at {stop_s:.2f} s and should last {duration_s:.2f} s"
    if stop_s < duration_s:
        yield Problem(video_id, str(path), stop_s, duration_s, f"{text}; its end is missing: fetch it again")
    else:
        # Of another video, or at another speed: no moment of it can be trusted.
        yield Problem(video_id, str(path), 0.0, stop_s, f"{text}; is this another video?")


def _problem(video_id: str, files: ChunkFolder, chunk_idx: int, text: str) -> Problem:
    """One that concerns a whole chunk."""
    start_s = chunk_idx * files.chunk_s
    path = files.path(chunk_idx)
    return Problem(video_id, str(path), start_s, start_s + files.chunk_s, text.removeprefix(f"{path}: "))
