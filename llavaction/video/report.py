"""What a check of the videos found, as JSON, for those who choose samples by it.

    {"folder": "videos_320p", "layout": "chunks", "table": "EPIC_100_video_info.csv",
     "num_videos": 700, "num_files": 24561,
     "videos": {"P01_01": {"num_files": 111, "stop_s": 1652.13}},
     "problems": [{"video_id": "P01_01", "file": "videos_320p/P01/P01_01.MP4/30.MP4",
                   "start_s": 30.0, "stop_s": 45.0, "problem": "this chunk is missing; chunk the video again"}]}

A problem without an end (of a video of unknown length) has `stop_s` null.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from llavaction.utils.errors import DataError
from llavaction.utils.jsonl import read_json, write_json
from llavaction.video.clip import MAX_OVERRUN_S

REPORT_FILE = "video_report.json"


@dataclass(frozen=True)
class Problem:
    """What is wrong with one stretch of a video, in seconds from its start; `file` is empty where there is none."""

    video_id: str
    file: str
    start_s: float
    stop_s: float
    problem: str


@dataclass(frozen=True)
class CheckedVideo:
    """One video that was looked at: how many files it has, and when the last one ends."""

    video_id: str
    num_files: int
    stop_s: float
    problems: tuple[Problem, ...]


@dataclass(frozen=True)
class VideoReport:
    """All videos that were looked at, by id.

    Only what was looked at can be without problems: a video that is not in the report is a problem of its own.
    """

    folder: str
    layout: str
    table: str | None
    """The CSV file that said how long videos should last; None: only gaps between chunks were found."""
    videos: dict[str, CheckedVideo] = field(default_factory=dict)

    def problems(self) -> list[Problem]:
        """All problems, by video and time."""
        return [problem for video in self.videos.values() for problem in video.problems]

    def covers(self, video_id: str) -> bool:
        """Whether this video was looked at, with whatever result."""
        return video_id in self.videos

    def problem(self, video_id: str, start_s: float, stop_s: float) -> str | None:
        """Why a stretch of a video cannot be shown, or None where it can.

        A reason is: a file it touches is missing or broken, the video ends before the stretch does (by more than
        a clip loader allows), or the video was not looked at, so that nothing is known of it.
        """
        video = self.videos.get(video_id)
        if video is None:
            return f"video {video_id} is not in the report; check it with data_prep/check_videos.py"
        for problem in video.problems:
            if start_s < problem.stop_s and problem.start_s < stop_s:
                return f"{problem.file}: {problem.problem}" if problem.file else problem.problem
        if start_s >= video.stop_s or stop_s > video.stop_s + MAX_OVERRUN_S:
            return f"video {video_id} ends at {video.stop_s:.2f} s"
        return None

    def save(self, path: Path) -> None:
        """Write the JSON file."""
        write_json(
            path,
            {
                "folder": self.folder,
                "layout": self.layout,
                "table": self.table,
                "num_videos": len(self.videos),
                "num_files": sum(video.num_files for video in self.videos.values()),
                "videos": {
                    video.video_id: {"num_files": video.num_files, "stop_s": round(video.stop_s, 3)}
                    for video in self.videos.values()
                },
                "problems": [_to_row(problem) for problem in self.problems()],
            },
        )

    @classmethod
    def load(cls, path: Path) -> VideoReport:
        """Read the JSON file.

        Raises:
            DataError: when it is missing or is no report.
        """
        row = read_json(path)
        try:
            problems = [_from_row(problem) for problem in row["problems"]]
            videos = {
                video_id: CheckedVideo(
                    video_id,
                    video["num_files"],
                    float(video["stop_s"]),
                    tuple(problem for problem in problems if problem.video_id == video_id),
                )
                for video_id, video in row["videos"].items()
            }
            strays = {problem.video_id for problem in problems} - set(videos)
            if strays:
                raise ValueError(f"problems of videos that were not looked at: {sorted(strays)}")
            return cls(row["folder"], row["layout"], row["table"], videos)
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            raise DataError(
                f"{path}: not a report of data_prep/check_videos.py ({type(error).__name__}: {error}); check again"
            ) from None

    @classmethod
    def of(cls, folder: str, layout: str, table: str | None, videos: Iterable[CheckedVideo]) -> VideoReport:
        """A report about some videos."""
        return cls(folder, layout, table, {video.video_id: video for video in videos})


def _to_row(problem: Problem) -> dict[str, Any]:
    return {**vars(problem), "stop_s": problem.stop_s if math.isfinite(problem.stop_s) else None}


def _from_row(row: dict[str, Any]) -> Problem:
    stop_s = math.inf if row["stop_s"] is None else float(row["stop_s"])
    return Problem(row["video_id"], row["file"], float(row["start_s"]), stop_s, row["problem"])
