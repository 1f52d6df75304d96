from __future__ import annotations

import csv
from pathlib import Path

import av
import numpy as np
import pytest

from llavaction.toy_kitchen.scenes import KitchenConfig
from llavaction.toy_kitchen.write import write_kitchen
from llavaction.utils.errors import ConfigError, DataError

pytestmark = pytest.mark.thorough


def decode(path: Path) -> np.ndarray:
    with av.open(str(path)) as container:
        return np.stack([frame.to_ndarray(format="rgb24") for frame in container.decode(video=0)])


def files_in(folder: Path) -> dict[str, Path]:
    return {str(path.relative_to(folder)): path for path in sorted(folder.rglob("*")) if path.is_file()}


def test_chunks_of_15_seconds_make_up_each_video(tiny_kitchen: Path, tiny_config: KitchenConfig) -> None:
    with (tiny_kitchen / "annotations" / "EPIC_100_video_info.csv").open(newline="") as file:
        duration_s = {row["video_id"]: float(row["duration"]) for row in csv.DictReader(file)}
    homes = sorted((tiny_kitchen / "videos").glob("*/*.MP4"))
    assert [home.name for home in homes] == [f"{video_id}.MP4" for video_id in duration_s]
    for home in homes:
        assert home.parent.name == home.stem.split("_")[0]
        num_frames = round(duration_s[home.stem] * tiny_config.fps)
        for first in range(0, num_frames, 150):
            frames = decode(home / f"{first // 10}.MP4")
            assert frames.shape == (min(150, num_frames - first), 64, 64, 3)
        assert len(list(home.iterdir())) == -(-num_frames // 150) >= 2


def test_workers_and_reruns_write_the_same(tiny_kitchen: Path, tiny_config: KitchenConfig, tmp_path: Path) -> None:
    progress: list[tuple[int, int]] = []
    write_kitchen(tiny_config, tmp_path, num_workers=2, on_progress=lambda *step: progress.append(step))
    assert progress == [(1, 3), (2, 3), (3, 3)]
    alone, together = files_in(tiny_kitchen), files_in(tmp_path)
    assert alone.keys() == together.keys()
    assert all(path.read_bytes() == together[name].read_bytes() for name, path in alone.items())


def test_another_kitchen_in_the_folder_is_refused(tiny_config: KitchenConfig, tmp_path: Path) -> None:
    stray = tmp_path / "videos" / "P77" / "P77_101.MP4" / "0.MP4"
    stray.parent.mkdir(parents=True)
    stray.touch()
    with pytest.raises(DataError, match=r"P77_101.*choose an empty folder"):
        write_kitchen(tiny_config, tmp_path)
    assert not (tmp_path / "annotations").exists()


def test_no_workers_are_refused(tiny_config: KitchenConfig, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="num_workers is 0"):
        write_kitchen(tiny_config, tmp_path, num_workers=0)
