"""A whole toy kitchen to disk: annotations, videos in 15-second chunks, two specialists' predictions."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor, as_completed
from multiprocessing import get_context
from pathlib import Path

from llavaction.toy_kitchen.annotations import write_annotations
from llavaction.toy_kitchen.decor import decorate
from llavaction.toy_kitchen.render import render_frames
from llavaction.toy_kitchen.scenes import KitchenConfig, VideoPlan, plan_split
from llavaction.toy_kitchen.specialist import SPECIALISTS, Specialist, write_specialist
from llavaction.utils.errors import ConfigError, DataError
from llavaction.utils.paths import inside
from llavaction.video.encoding import write_h264

CHUNK_S = 15


def write_kitchen(
    config: KitchenConfig,
    folder: Path,
    *,
    num_workers: int = 1,
    on_progress: Callable[[int, int], None] | None = None,
) -> None:
    """Write a toy kitchen below `folder`; the same config gives the same files, whatever `num_workers`.

    ``annotations/`` holds the CSV files, ``videos/P01/P01_101.MP4/{0,15,30,...}.MP4`` the chunks (named by
    their first second), ``specialists/{toy,second}_specialist_{train,validation}.json`` the predictions.

    Args:
        config: what to write.
        folder: where; made when missing. Files of the same names are written anew.
        num_workers: processes that film. Above 1 they are spawned, so a script must call this function
            under ``if __name__ == "__main__":``.
        on_progress: called after each video with the numbers of videos done and to do.

    Raises:
        ConfigError: when `num_workers` is below 1.
        DataError: when `folder` holds chunks that this kitchen does not have, so of another one.
    """
    if num_workers < 1:
        raise ConfigError(f"num_workers is {num_workers}; choose at least 1")
    train, validation = plan_split(config, validation=False), plan_split(config, validation=True)
    videos = [*train, *validation]
    chunks = {path for video in videos for path in chunk_paths(config, folder, video)}
    for path in sorted(folder.glob("videos/*/*/*.MP4")):
        if path not in chunks:
            raise DataError(f"{path}: not a chunk of this kitchen; choose an empty folder or remove this one")
    _film_all(config, folder, videos, num_workers, on_progress or _ignore)
    write_specialists(config, folder)
    # Last, so that a folder with annotations is a whole kitchen.
    write_annotations(folder / "annotations", config, train, validation)


def write_specialists(config: KitchenConfig, folder: Path) -> None:
    """Write the predictions of all specialists for both splits."""
    splits = {"train": plan_split(config, validation=False), "validation": plan_split(config, validation=True)}
    films = [video for videos in splits.values() for video in videos]
    known = {(segment.verb_id, segment.noun_id) for video in films for segment in video.segments}
    for (specialist, split), path in specialist_files(folder).items():
        write_specialist(path, config, splits[split], known, specialist)


def specialist_files(folder: Path) -> dict[tuple[Specialist, str], Path]:
    """The files of a kitchen's specialists, by specialist and split."""
    return {
        (specialist, split): folder / "specialists" / f"{specialist.file}_{split}.json"
        for specialist in SPECIALISTS
        for split in ("train", "validation")
    }


def film_video(config: KitchenConfig, folder: Path, video: VideoPlan) -> None:
    """Render one video and write its chunks."""
    decor = decorate(config, video.participant_id, video.video_id)
    chunk_frames = CHUNK_S * config.fps
    for number, path in enumerate(chunk_paths(config, folder, video)):
        first = number * chunk_frames
        count = min(chunk_frames, video.num_frames - first)
        write_h264(path, render_frames(config, decor, video, first, count), config.fps)


def chunk_paths(config: KitchenConfig, folder: Path, video: VideoPlan) -> list[Path]:
    """The files of one video, in order of time."""
    home = inside(folder / "videos", video.participant_id, f"{video.video_id}.MP4")
    chunk_frames = CHUNK_S * config.fps
    return [home / f"{first // config.fps}.MP4" for first in range(0, video.num_frames, chunk_frames)]


def _film_all(
    config: KitchenConfig,
    folder: Path,
    videos: list[VideoPlan],
    num_workers: int,
    on_progress: Callable[[int, int], None],
) -> None:
    if num_workers == 1:
        for done, video in enumerate(videos, start=1):
            film_video(config, folder, video)
            on_progress(done, len(videos))
        return
    # Spawned processes share nothing with this one, so threads of other libraries cannot be caught mid-step.
    with ProcessPoolExecutor(num_workers, mp_context=get_context("spawn")) as pool:
        jobs = [pool.submit(film_video, config, folder, video) for video in videos]
        for done, job in enumerate(as_completed(jobs), start=1):
            job.result()
            on_progress(done, len(videos))


def _ignore(done: int, total: int) -> None:
    """The progress of a caller who does not ask for it."""
