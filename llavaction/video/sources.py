"""Source videos as they come from a camera or a download: which file is which video."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path

from llavaction.utils.errors import ConfigError, DataError, nearest
from llavaction.utils.seeding import seed_for

SOURCE_ENDINGS = frozenset({".mp4", ".mkv", ".avi", ".webm", ".mov", ".m4v", ".mpg", ".ts"})
"""Endings of videos, in lower case; they may be written in either."""


def find_sources(folder: Path) -> dict[str, Path]:
    """The videos below `folder` by id (the name without its ending), sorted.

    They lie in `P01/videos/` (EPIC-KITCHENS' own downloader), in `P01/`, or in the folder itself.

    Raises:
        DataError: when there is none, or two files have the same id.
    """
    sources: dict[str, Path] = {}
    for pattern in ("*", "*/*", "*/videos/*"):
        for path in sorted(folder.glob(pattern)):
            if path.suffix.lower() not in SOURCE_ENDINGS or path.name.startswith(".") or not path.is_file():
                continue
            if sources.setdefault(path.stem, path) != path:
                raise DataError(f"{sources[path.stem]} and {path} are both video {path.stem!r}; remove one")
    if not sources:
        raise DataError(
            f"{folder}: no videos in it, in P01/ or in P01/videos/ "
            f"(endings {', '.join(sorted(SOURCE_ENDINGS))}); check the folder"
        )
    return dict(sorted(sources.items()))


def choose(sources: Mapping[str, Path], video_ids: Iterable[str]) -> dict[str, Path]:
    """The sources of some videos.

    Raises:
        ConfigError: when one is not there.
    """
    for video_id in video_ids:
        if video_id not in sources:
            raise ConfigError(f"no source for video {video_id!r} among {len(sources)}{nearest(video_id, sources)}")
    return {video_id: sources[video_id] for video_id in video_ids}


def parse_shard(text: str) -> tuple[int, int]:
    """`i/n` as two numbers, 0 <= i < n, such as `$SLURM_ARRAY_TASK_ID/8` of an array 0-7.

    Raises:
        ConfigError: when it is something else.
    """
    number, _, total = text.partition("/")
    if not (number.isdecimal() and total.isdecimal() and int(number) < int(total)):
        raise ConfigError(f"shard {text!r} must be i/n with 0 <= i < n, such as 0/8 to 7/8")
    return int(number), int(total)


def in_shard(video_id: str, shard: tuple[int, int]) -> bool:
    """Whether a video is part of a shard: by its id alone, so that jobs need not know of each other."""
    number, total = shard
    return seed_for(0, "shard", video_id) % total == number
