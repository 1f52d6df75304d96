"""Cut videos into 15-second chunks that load quickly. Run the same command again to go on after a stop.

    python data_prep/chunk_videos.py EPIC-KITCHENS videos_320p --workers 16
    python data_prep/chunk_videos.py EPIC-KITCHENS videos_512p --short-side 512 --videos P01_01 P01_02
    python data_prep/chunk_videos.py EPIC-KITCHENS videos_320p --workers 16 --shard $SLURM_ARRAY_TASK_ID/8

Sources are EPIC-KITCHENS/P01/videos/P01_01.MP4, EPIC-KITCHENS/P01/P01_01.MP4 or EPIC-KITCHENS/P01_01.MP4.
"""

from __future__ import annotations

import argparse
import os
import sys
from functools import partial
from pathlib import Path

from llavaction.utils.console import console, output
from llavaction.utils.errors import LlavactionError
from llavaction.video.chunking import PRESETS, SETTINGS_FILE, ChunkingConfig, chunk_video
from llavaction.video.jobs import claim_folder, run_jobs
from llavaction.video.sources import choose, find_sources, in_shard, parse_shard

DEFAULT = ChunkingConfig()


def main() -> int:
    """Chunk all videos, and list those that could not be."""
    options = parse_options()
    try:
        config = ChunkingConfig(
            short_side=options.short_side,
            fps=options.fps,
            chunk_s=options.chunk_s,
            keyframe_interval=options.keyframe_interval,
            crf=options.crf,
            preset=options.preset,
            max_gap_s=options.max_gap_s,
        )
        sources = find_sources(options.sources)
        if options.videos:
            sources = choose(sources, options.videos)
        shard = parse_shard(options.shard)
        sources = {video_id: path for video_id, path in sources.items() if in_shard(video_id, shard)}
        claim_folder(options.folder / SETTINGS_FILE, config.settings())
        work = partial(chunk_video, folder=options.folder, config=config)
        outcome = run_jobs(work, sources, options.workers, "chunking")
    except LlavactionError as error:
        console.print(f"error: {error}", markup=False, soft_wrap=True)
        return 2
    chunked = outcome.results.values()
    hours = sum(video.num_frames for video in chunked) / config.fps / 3600
    num_new = sum(video.num_new_chunks for video in chunked)
    output.print(f"{options.folder}: {len(chunked)} videos, {hours:.2f} hours, {num_new} chunks written in this run")
    for video_id, problem in outcome.failures.items():
        console.print(f"{video_id}: {problem}", markup=False)
    if outcome.failures:
        console.print(f"error: {len(outcome.failures)} of {len(sources)} videos could not be chunked; see above")
        return 2
    return 0


def parse_options() -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("sources", type=Path, help="folder of the source videos")
    parser.add_argument("folder", type=Path, help="folder to fill with chunks")
    parser.add_argument("--videos", nargs="+", metavar="ID", default=[], help="only these videos")
    parser.add_argument("--short-side", type=int, default=DEFAULT.short_side, help="pixels, even (%(default)s)")
    parser.add_argument("--fps", type=int, default=DEFAULT.fps, help="frames per second (%(default)s)")
    parser.add_argument("--chunk-s", type=int, default=DEFAULT.chunk_s, help="seconds per chunk (%(default)s)")
    parser.add_argument("--keyframe-interval", type=int, default=DEFAULT.keyframe_interval, help="frames (%(default)s)")
    parser.add_argument("--crf", type=int, default=DEFAULT.crf, help="0 (lossless) to 51 (%(default)s)")
    parser.add_argument("--preset", choices=PRESETS, default=DEFAULT.preset, help="of libx264 (%(default)s)")
    parser.add_argument(
        "--max-gap-s", type=float, default=DEFAULT.max_gap_s, help="longest still picture in a source (%(default)s)"
    )
    parser.add_argument("--workers", type=int, default=os.cpu_count() or 1, help="processes (%(default)s)")
    parser.add_argument("--shard", metavar="I/N", default="0/1", help="part I of N, from 0; for job arrays")
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
