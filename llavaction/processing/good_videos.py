"""Leaving out samples whose videos a check found bad."""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Iterable

from llavaction.sft.samples import Sample
from llavaction.utils.errors import ConfigError
from llavaction.video.report import VideoReport

logger = logging.getLogger(__name__)


def with_good_videos(
    samples: Iterable[Sample], report: VideoReport, dataset: str
) -> tuple[list[Sample], dict[str, int]]:
    """The samples whose clip touches no bad file, and how many others there are for each problem.

    Raises:
        ConfigError: when no sample is left.
    """
    good: list[Sample] = []
    dropped: Counter[str] = Counter()
    for sample in samples:
        clip = sample.clip
        problem = None if clip is None else report.problem(clip.video_id, clip.start_s, clip.stop_s)
        if problem is None:
            good.append(sample)
        else:
            dropped[problem] += 1
    by_number = dict(dropped.most_common())
    _tell(dataset, len(good), by_number)
    return good, by_number


def _tell(dataset: str, num_good: int, dropped: dict[str, int]) -> None:
    if not dropped:
        return
    problem, count = next(iter(dropped.items()))
    num_dropped = sum(dropped.values())
    text = (
        f"mixture: {num_dropped} of {num_good + num_dropped} samples of {dataset} are left out for their videos; "
        f"{count} of them: {problem}"
    )
    if not num_good:
        raise ConfigError(f"{text}; is mixture.videos_report about these videos? Or leave the dataset out")
    logger.warning(text)
