"""Clip files: other frameworks show a whole file, so each stretch that a sample shows becomes one."""

from __future__ import annotations

import csv
from dataclasses import dataclass
from pathlib import Path

from llavaction.sft.exports.files import replacing
from llavaction.sft.samples import Sample
from llavaction.utils.errors import DataError
from llavaction.utils.paths import inside

CLIPS_FILE = "clips.csv"
COLUMNS = ("file", "video_id", "start_s", "stop_s")


@dataclass(frozen=True, order=True)
class Stretch:
    """A stretch of a video, in milliseconds from its start: stretches that agree to the millisecond are the same."""

    video_id: str
    start_ms: int
    stop_ms: int


class ClipFiles:
    """Names a file for each distinct stretch and lists them all for the program that cuts them.

    A segment's own clip is `{participant}/{segment_id}.mp4`. Any other stretch, as questions about time show it, is
    `{participant}/{segment_id}_{start ms}_{stop ms}.mp4`. The participant is what stands before the first underscore
    of the video's id.
    """

    def __init__(self) -> None:
        self._files: dict[Stretch, str] = {}
        self._taken: set[str] = set()

    def name(self, sample: Sample) -> str:
        """The file that shows the sample's clip, with "/" between folder and file.

        Raises:
            DataError: when the sample shows no clip, or one that no file can be named after.
        """
        clip = sample.shown_clip
        stretch = Stretch(clip.video_id, round(clip.start_s * 1000), round(clip.stop_s * 1000))
        if stretch not in self._files:
            self._files[stretch] = self._new_name(sample, stretch)
        return self._files[stretch]

    def write(self, path: Path) -> int:
        """Write `clips.csv`, ordered by video and time, and return how many clips there are."""
        with replacing(path) as temporary, temporary.open("w", encoding="utf-8", newline="") as file:
            writer = csv.writer(file, lineterminator="\n")
            writer.writerow(COLUMNS)
            for stretch, name in sorted(self._files.items()):
                times = (f"{ms / 1000:.3f}" for ms in (stretch.start_ms, stretch.stop_ms))
                writer.writerow((name, stretch.video_id, *times))
        return len(self._files)

    def _new_name(self, sample: Sample, stretch: Stretch) -> str:
        if stretch.start_ms == stretch.stop_ms:
            raise DataError(f"sample {sample.sample_id!r}: its clip {sample.clip} is shorter than a millisecond")
        stem = sample.segment_id or stretch.video_id
        names = [f"{stem}_{stretch.start_ms}_{stretch.stop_ms}.mp4"]
        if sample.segment_id is not None and sample.target is None:
            names.insert(0, f"{stem}.mp4")
        participant = stretch.video_id.split("_")[0]
        try:
            files = [inside(Path(), participant, name).as_posix() for name in names]
        except DataError as error:
            raise DataError(f"sample {sample.sample_id!r}: {error}") from None
        for file in files:
            if file not in self._taken:
                self._taken.add(file)
                return file
        raise DataError(f"sample {sample.sample_id!r}: {files[-1]} already shows another stretch; give ids that differ")
