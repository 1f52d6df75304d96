"""Look at every video file: are there gaps, short or broken files, other rates or sizes than the rest?

    python data_prep/check_videos.py videos_320p --video-info EK100/EPIC_100_video_info.csv --workers 16
    python data_prep/check_videos.py videos_320p --videos P01_01 P01_02 --every-frame

With --video-info, all its videos should be there and as long as it says; without, only gaps between chunks are found.
Writes FOLDER/video_report.json, by which samples can be left out.
"""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Sequence
from functools import partial
from pathlib import Path

from rich.table import Table

from llavaction.annotations.epic_kitchens import VideoInfo, read_video_info
from llavaction.utils.console import console, output
from llavaction.utils.errors import LlavactionError
from llavaction.video.check import check_video, videos_on_disk
from llavaction.video.jobs import run_jobs
from llavaction.video.layout import VideoConfig, VideoLayout
from llavaction.video.report import REPORT_FILE, Problem, VideoReport

MAX_ROWS = 40


def main() -> int:
    """Check, print what was found, and write the report."""
    options = parse_options()
    try:
        config = VideoConfig(
            str(options.folder),
            VideoLayout(options.layout),
            chunk_s=options.chunk_s,
            extension=options.extension,
        )
        table = read_video_info(options.video_info) if options.video_info else {}
        video_ids = options.videos or sorted({*table, *videos_on_disk(config)})
        infos: dict[str, VideoInfo | None] = {video_id: table.get(video_id) for video_id in video_ids}
        work = partial(check_video, config=config, every_frame=options.every_frame)
        outcome = run_jobs(work, infos, options.workers, "checking")
        source = str(options.video_info) if options.video_info else None
        report = VideoReport.of(str(options.folder), options.layout, source, outcome.results.values())
        path = options.report or options.folder / REPORT_FILE
        report.save(path)
    except LlavactionError as error:
        console.print(f"error: {error}", markup=False, soft_wrap=True)
        return 2
    for name, failure in outcome.failures.items():
        console.print(f"error: {name}: {failure}", markup=False, soft_wrap=True)
    num_files = sum(video.num_files for video in report.videos.values())
    problems = report.problems()
    output.print(f"{path}: {len(report.videos)} videos, {num_files} files, {len(problems)} problems")
    if source is None:
        output.print("no table of durations: videos that are missing or end too early were not looked for")
    elif unknown := [video_id for video_id, info in infos.items() if info is None]:
        output.print(f"{len(unknown)} videos are not in the table, such as {unknown[0]}: their ends were not checked")
    if problems:
        output.print(tabulate(problems))
    return 2 if problems or outcome.failures else 0


def tabulate(problems: Sequence[Problem]) -> Table:
    """The first problems as a table for the terminal."""
    table = Table("video", "from", "to", "problem", caption=None)
    for problem in problems[:MAX_ROWS]:
        place = f"{problem.file}: " if problem.file else ""
        table.add_row(problem.video_id, f"{problem.start_s:.1f} s", f"{problem.stop_s:.1f} s", place + problem.problem)
    if len(problems) > MAX_ROWS:
        table.caption = f"and {len(problems) - MAX_ROWS} more, in the report"
    return table


def parse_options() -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path, help="folder of the videos")
    parser.add_argument("--layout", choices=["chunks", "whole"], default="chunks", help="(%(default)s)")
    parser.add_argument("--chunk-s", type=float, default=15.0, help="seconds per chunk (%(default)s)")
    parser.add_argument("--extension", default=".MP4", help="ending of files and chunk folders (%(default)s)")
    parser.add_argument("--video-info", type=Path, help="CSV with video_id, duration and fps")
    parser.add_argument("--videos", nargs="+", metavar="ID", help="only these videos")
    parser.add_argument("--every-frame", action="store_true", help="decode all frames, not only the last ones")
    parser.add_argument("--report", type=Path, help=f"file to write (FOLDER/{REPORT_FILE})")
    parser.add_argument("--workers", type=int, default=os.cpu_count() or 1, help="processes (%(default)s)")
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
