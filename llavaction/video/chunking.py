"""Cutting source videos into chunks of a few seconds that decode quickly.

Chunk k of a video holds exactly the frames `k * chunk_s * fps` to `(k + 1) * chunk_s * fps - 1` of the video at a
constant rate, as `llavaction.video.files.ChunkFolder` expects, so that time stamps of annotations hold as they are.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass
from itertools import groupby
from pathlib import Path
from typing import TYPE_CHECKING, Any

from llavaction.utils.errors import ConfigError, DataError
from llavaction.utils.jsonl import read_json, write_json
from llavaction.utils.paths import inside
from llavaction.video.decoding import decode_pictures
from llavaction.video.encoding import original_name, write_h264
from llavaction.video.files import ChunkFolder
from llavaction.video.retiming import constant_rate
from llavaction.video.scaling import Scaler

if TYPE_CHECKING:
    from av import VideoFrame

PRESETS = ("ultrafast", "superfast", "veryfast", "faster", "fast", "medium", "slow", "slower", "veryslow")
"""Presets of libx264, from quick to small."""
SETTINGS_FILE = "chunking.json"
"""Stands in the folder of all videos and says how they were chunked."""
RECORD_FILE = ".source.json"
"""Stands in the folder of one video and says of which file its chunks are, and once they are complete how many."""


@dataclass(frozen=True)
class ChunkingConfig:
    """How chunks are written."""

    short_side: int = 320
    """Pixels of the shorter side, even; 320, as in the chunks that others have published. Never made larger."""
    fps: int = 30
    """Frames per second, the same for all videos; 30, as in the chunks that others have published."""
    chunk_s: int = 15
    """Seconds per chunk; 15, as in the chunks that others have published."""
    keyframe_interval: int = 15
    """Frames from one keyframe to the next; 15, so that a clip costs at most 14 frames that it does not show."""
    crf: int = 19
    """Constant rate factor of libx264, 0 (lossless) to 51; 19, as pictures of this size show every loss."""
    preset: str = "veryfast"
    """Preset of libx264; veryfast, as decoding the source takes longer than this and better ones gain little."""
    extension: str = ".MP4"
    """Ending of chunks and of their folders; .MP4, as `video.extension`."""
    max_gap_s: float = 1.0
    """Seconds for which one picture of the source may stand still before it is taken to have lost some."""

    def __post_init__(self) -> None:
        """Check every value.

        Raises:
            ConfigError: naming the field, its value and what it may be.
        """
        if self.short_side < 2 or self.short_side % 2:
            raise ConfigError(f"short_side={self.short_side} must be even and above 0; H.264 stores even sizes")
        for name, number in (
            ("fps", self.fps),
            ("chunk_s", self.chunk_s),
            ("keyframe_interval", self.keyframe_interval),
        ):
            if number < 1:
                raise ConfigError(f"{name}={number} must be 1 or more")
        if not 0 <= self.crf <= 51:
            raise ConfigError(f"crf={self.crf} must be 0 to 51")
        if self.preset not in PRESETS:
            raise ConfigError(f"preset={self.preset!r} is none of {', '.join(PRESETS)}")
        if self.extension.lower() not in {".mp4", ".mkv"}:
            raise ConfigError(f"extension={self.extension!r} must be .MP4 or .mkv, in either case")
        if not self.max_gap_s > 0:
            raise ConfigError(f"max_gap_s={self.max_gap_s} must be above 0")

    def settings(self) -> dict[str, Any]:
        """What a folder of chunks must have been made with to be filled further."""
        return asdict(self)


@dataclass(frozen=True)
class ChunkedVideo:
    """What has been written for one video."""

    num_frames: int
    num_new_chunks: int


def chunk_folder(folder: Path, video_id: str, extension: str) -> Path:
    """Where the chunks of a video lie: `folder/P01/P01_01.MP4`."""
    return inside(folder, video_id.split("_", 1)[0] or video_id, video_id + extension)


def chunk_video(video_id: str, source: Path, folder: Path, config: ChunkingConfig) -> ChunkedVideo:
    """Chunk one source into `folder/P01/P01_01.MP4/{0,15,30,...}.MP4`, in one pass, holding few pictures at a time.

    Chunks appear whole or not at all. What an earlier run wrote of the same source (by name and size) is kept; a
    run that was stopped leads to the same bytes as one that was not. Two runs must not chunk one video at once.

    Raises:
        VideoError: when the source is broken; the chunks before the defect stay, but do not count as complete.
        DataError: when the folder holds chunks that nothing is known about.
    """
    home = chunk_folder(folder, video_id, config.extension)
    record = home / RECORD_FILE
    origin = {"source": source.name, "source_bytes": source.stat().st_size}
    known = read_json(record) if record.exists() else {}
    if known and {**known, **origin} == known and "num_frames" in known:
        return ChunkedVideo(known["num_frames"], 0)
    _clear(home, config.extension, keep_chunks={**known, **origin} == known, is_ours=bool(known))
    write_json(record, origin)
    chunked = _write_chunks(source, ChunkFolder(home, config.chunk_s, config.extension), config)
    write_json(record, {**origin, "num_frames": chunked.num_frames, "fps": config.fps})
    return chunked


def _write_chunks(source: Path, files: ChunkFolder, config: ChunkingConfig) -> ChunkedVideo:
    scaler = Scaler(config.short_side)
    frames_per_chunk = config.chunk_s * config.fps
    numbered = enumerate(constant_rate(decode_pictures(source, config.max_gap_s), config.fps))
    num_frames, num_new = 0, 0
    for chunk_idx, group in groupby(numbered, key=lambda item: item[0] // frames_per_chunk):
        path = files.path(chunk_idx)
        if path.exists():
            # Decoded once more, as that is how the following pictures are found, but not encoded.
            num_frames += sum(1 for _ in group)
            continue
        pictures: Iterator[VideoFrame] = (scaler.scale(picture.frame) for _, picture in group)
        num_frames += write_chunk(path, pictures, config)
        num_new += 1
    return ChunkedVideo(num_frames, num_new)


def write_chunk(path: Path, pictures: Iterable[VideoFrame], config: ChunkingConfig) -> int:
    """Encode one chunk and return its number of frames; the pictures are yuv420p, of one even size."""
    return write_h264(
        path,
        pictures,
        config.fps,
        keyframe_interval=config.keyframe_interval,
        crf=config.crf,
        preset=config.preset,
        fast_decoding=True,
    )


def _clear(home: Path, extension: str, *, keep_chunks: bool, is_ours: bool) -> None:
    """Remove what a killed run left half done, and the chunks of another source.

    Raises:
        DataError: when there are chunks, but no record of their source.
    """
    for path in sorted(home.glob(f"*{extension}")):
        is_half_done = original_name(path.name) is not None
        if not is_half_done and not is_ours:
            raise DataError(f"{path}: a chunk that this program did not write; choose another folder or remove it")
        if is_half_done or not keep_chunks:
            path.unlink()
