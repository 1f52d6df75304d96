"""Cut clips out of videos, one file per row of a table. Run the same command again to go on after a stop.

    python data_prep/cut_clips.py clips.csv videos_320p clips --workers 16
    python data_prep/cut_clips.py clips.csv EPIC-KITCHENS clips --layout whole --shard $SLURM_ARRAY_TASK_ID/8

The table has columns file, video_id, start_s, stop_s; `file` is relative to the folder of clips.
"""

from __future__ import annotations

import argparse
import os
import sys
from functools import partial
from pathlib import Path

from llavaction.utils.console import console, output
from llavaction.utils.errors import LlavactionError
from llavaction.video.chunking import PRESETS
from llavaction.video.cutting import SETTINGS_FILE, CuttingConfig, cut_video, read_clips
from llavaction.video.jobs import claim_folder, run_jobs
from llavaction.video.layout import VideoConfig, VideoLayout
from llavaction.video.sources import in_shard, parse_shard

DEFAULT = CuttingConfig()


def main() -> int:
    """Cut all clips, and list those that could not be."""
    options = parse_options()
    try:
        video = VideoConfig(
            str(options.videos),
            VideoLayout(options.layout),
            chunk_s=options.chunk_s,
            extension=options.extension,
            frame_rate=options.frame_rate,
            video_info=options.video_info,
        )
        config = CuttingConfig(options.keyframe_interval, options.crf, options.preset)
        shard = parse_shard(options.shard)
        clips = {name: rows for name, rows in read_clips(options.table).items() if in_shard(name, shard)}
        claim_folder(options.folder / SETTINGS_FILE, config.settings())
        work = partial(cut_video, folder=options.folder, video=video, config=config)
        outcome = run_jobs(work, clips, options.workers, "cutting")
    except LlavactionError as error:
        console.print(f"error: {error}", markup=False, soft_wrap=True)
        return 2
    cut = outcome.results.values()
    output.print(
        f"{options.folder}: {sum(video.num_clips for video in cut)} clips of {len(cut)} videos, "
        f"{sum(video.num_new for video in cut)} written in this run"
    )
    failures = {name: text for video in cut for name, text in video.failures.items()} | outcome.failures
    for name, problem in failures.items():
        console.print(f"{name}: {problem}", markup=False)
    if failures:
        console.print(f"error: {len(failures)} could not be cut; see above")
        return 2
    return 0


def parse_options() -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("table", type=Path, help="CSV file of the clips")
    parser.add_argument("videos", type=Path, help="folder of the videos")
    parser.add_argument("folder", type=Path, help="folder to fill with clips")
    parser.add_argument("--layout", choices=["chunks", "whole", "frames"], default="chunks")
    parser.add_argument("--chunk-s", type=float, default=15.0, help="seconds per chunk (%(default)s)")
    parser.add_argument("--extension", default=".MP4", help="ending of files and chunk folders (%(default)s)")
    parser.add_argument("--frame-rate", type=float, help="of pictures (layout frames)")
    parser.add_argument("--video-info", help="CSV with video_id, duration and fps (layout frames)")
    parser.add_argument("--keyframe-interval", type=int, default=DEFAULT.keyframe_interval, help="frames (%(default)s)")
    parser.add_argument("--crf", type=int, default=DEFAULT.crf, help="0 (lossless) to 51 (%(default)s)")
    parser.add_argument("--preset", choices=PRESETS, default=DEFAULT.preset, help="of libx264 (%(default)s)")
    parser.add_argument("--workers", type=int, default=os.cpu_count() or 1, help="processes (%(default)s)")
    parser.add_argument("--shard", metavar="I/N", default="0/1", help="part I of N (by video), from 0; for job arrays")
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
