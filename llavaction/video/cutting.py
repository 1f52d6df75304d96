"""Cutting clips out of videos of any layout into files of their own, for programs that read one file per sample."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np

from llavaction.annotations.tables import read_rows
from llavaction.utils.errors import ConfigError, DataError, VideoError
from llavaction.utils.paths import inside
from llavaction.video.chunking import PRESETS
from llavaction.video.clip import ClipLoader, Stretch
from llavaction.video.encoding import original_name, write_h264
from llavaction.video.layout import VideoConfig

SETTINGS_FILE = "cutting.json"
"""Stands in the folder of clips and says how they were cut."""
COLUMNS = ("file", "video_id", "start_s", "stop_s")
FRAMES_AT_ONCE = 32
"""Frames held in memory; clips of minutes exist."""


@dataclass(frozen=True)
class CuttingConfig:
    """How clips are written."""

    keyframe_interval: int = 15
    """Frames from one keyframe to the next; 15, as in chunks."""
    crf: int = 18
    """Constant rate factor of libx264, 0 (lossless) to 51; 18 loses next to nothing, as sources are encoded already."""
    preset: str = "veryfast"
    """Preset of libx264."""

    def __post_init__(self) -> None:
        """Check every value.

        Raises:
            ConfigError: naming the field, its value and what it may be.
        """
        if self.keyframe_interval < 1:
            raise ConfigError(f"keyframe_interval={self.keyframe_interval} must be 1 or more")
        if not 0 <= self.crf <= 51:
            raise ConfigError(f"crf={self.crf} must be 0 to 51")
        if self.preset not in PRESETS:
            raise ConfigError(f"preset={self.preset!r} is none of {', '.join(PRESETS)}")

    def settings(self) -> dict[str, Any]:
        """What a folder of clips must have been made with to be filled further."""
        return asdict(self)


@dataclass(frozen=True)
class ClipRow:
    """One clip to cut: a stretch of a video in seconds, and the file to write, relative to the folder of clips."""

    file: str
    video_id: str
    start_s: float
    stop_s: float

    @property
    def comment(self) -> str:
        """What the file's metadata say it holds."""
        return f"{self.video_id} {self.start_s:.3f} {self.stop_s:.3f}"


@dataclass(frozen=True)
class CutVideo:
    """What came of the clips of one video."""

    num_clips: int
    num_new: int
    failures: Mapping[str, str]
    """Error text by file."""


def read_clips(path: Path) -> dict[str, list[ClipRow]]:
    """Read a CSV file of clips; a list per video, in order of time.

    Raises:
        DataError: when a column or a value is missing, times are no stretch, or a file comes twice.
    """
    clips: dict[str, list[ClipRow]] = {}
    seen: set[str] = set()
    for row in read_rows(path, COLUMNS):
        clip = ClipRow(
            row.text("file"),
            row.text("video_id"),
            row.parse("start_s", float, "seconds"),
            row.parse("stop_s", float, "seconds"),
        )
        if not 0 <= clip.start_s < clip.stop_s < float("inf"):
            raise row.fail("stop_s", f"need 0 <= start_s < stop_s; start_s is {clip.start_s:g}")
        if clip.file in seen:
            raise row.fail("file", "stands in the table twice")
        if not clip.file.lower().endswith((".mp4", ".mkv")):
            raise row.fail("file", "must end in .mp4 or .mkv")
        seen.add(clip.file)
        clips.setdefault(clip.video_id, []).append(clip)
    if not clips:
        raise DataError(f"{path}: a header without clips")
    return {video_id: sorted(clips[video_id], key=lambda clip: clip.start_s) for video_id in sorted(clips)}


def cut_video(
    video_id: str, clips: Sequence[ClipRow], folder: Path, video: VideoConfig, config: CuttingConfig
) -> CutVideo:
    """Cut all clips of one video, each into a file of its own, at the video's own rate and size.

    Files appear whole or not at all, and those that are there are kept. A clip that cannot be cut does not stop the
    others. Odd sizes lose their last row or column, which H.264 cannot store.

    Raises:
        DataError: when a file's name would leave the folder, or the file is there and holds another clip.
    """
    _remove_half_done([inside(folder, *clip.file.split("/")) for clip in clips])
    loader = ClipLoader(video)
    failures: dict[str, str] = {}
    num_new = 0
    for clip in clips:
        path = inside(folder, *clip.file.split("/"))
        if path.exists():
            _check_same(path, clip)
            continue
        try:
            _cut(loader, clip, path, config)
            num_new += 1
        except VideoError as error:
            failures[clip.file] = f"video {video_id}, {clip.start_s:g} s to {clip.stop_s:g} s: {error}"
    loader.readers.close()
    return CutVideo(len(clips) - len(failures), num_new, failures)


def _cut(loader: ClipLoader, clip: ClipRow, path: Path, config: CuttingConfig) -> None:
    stretch = loader.find(clip.video_id, clip.start_s, clip.stop_s)
    write_h264(
        path,
        _frames(stretch),
        # Rates such as 60000/1001 are stored exactly, though readers tell them as decimals.
        Fraction(stretch.timeline.fps).limit_denominator(1001),
        keyframe_interval=config.keyframe_interval,
        crf=config.crf,
        preset=config.preset,
        fast_decoding=True,
        comment=clip.comment,
    )


def _frames(stretch: Stretch) -> Iterator[np.ndarray]:
    """All frames of a stretch, of even size; at least one."""
    stop_idx = max(stretch.stop_idx, stretch.start_idx + 1)
    for first in range(stretch.start_idx, stop_idx, FRAMES_AT_ONCE):
        frames, _ = stretch.timeline.read(range(first, min(first + FRAMES_AT_ONCE, stop_idx)))
        height, width = (length - length % 2 for length in frames.shape[1:3])
        yield from frames[:, :height, :width]


def _check_same(path: Path, clip: ClipRow) -> None:
    import av

    with av.open(str(path)) as container:
        comment = container.metadata.get("comment") or container.metadata.get("COMMENT")
    if comment != clip.comment:
        raise DataError(
            f"{path}: holds {comment or 'something else'!r}, while the table says {clip.comment!r} "
            "(video, start, stop); remove the file or cut into another folder"
        )


def _remove_half_done(paths: Sequence[Path]) -> None:
    """Remove what a killed run left of these files, and of no others, which may be in work."""
    wanted = set(paths)
    for parent in {path.parent for path in paths if path.parent.is_dir()}:
        for leftover in parent.glob(".*"):
            if (name := original_name(leftover.name)) and parent / name in wanted:
                leftover.unlink()
