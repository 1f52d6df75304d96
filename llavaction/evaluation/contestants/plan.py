"""What the cache already answers, what is left to ask, and what that will take. Decodes and asks nothing. No torch."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass, field, replace

from llavaction.api.answers import InvalidAnswer, look_up
from llavaction.api.costs import ANSWER_TOKENS, CHARS_PER_TOKEN, Tokens, estimate_input, tokens_of_frame
from llavaction.api.frames import FrameStore
from llavaction.api.replies import Reply, ReplyCache
from llavaction.api.requests import ChatRequest
from llavaction.evaluation.config import BadVideo, TaskName
from llavaction.evaluation.contestants.exam import Exam
from llavaction.evaluation.contestants.texts import check_answered, text_of
from llavaction.evaluation.predictions import Row
from llavaction.sft.samples import Sample
from llavaction.utils.errors import VideoError

_STAND_IN = "x" * (ANSWER_TOKENS * CHARS_PER_TOKEN)
"""For an answer that later requests repeat, while nobody has given it."""


@dataclass(frozen=True)
class ShownClip:
    """The stretch of video that a sample shows; times in seconds from the video's start."""

    video_id: str
    segment_id: str | None
    start_s: float
    stop_s: float

    @classmethod
    def of(cls, sample: Sample) -> ShownClip:
        """The clip of a sample."""
        clip = sample.shown_clip
        return cls(clip.video_id, sample.segment_id, clip.start_s, clip.stop_s)


@dataclass(frozen=True)
class Todo:
    """Questions that are asked one after another: of a sequential task those of one video, of others one alone."""

    exam: Exam
    samples: list[Sample]


@dataclass
class Plan:
    """The state of a run before its first request.

    Attributes:
        rows: those that the cache settles, and of videos that are missing.
        replies: kept ones that these rows rest on.
        todo: what is left, tasks one after another and in each by video and time, so that files are opened once.
        num_cached: kept replies that are used, also where others of the same question are missing.
        num_requests: requests that are left.
        tokens: about what is left to pay for.
    """

    rows: list[Row] = field(default_factory=list)
    replies: list[Reply] = field(default_factory=list)
    todo: list[Todo] = field(default_factory=list)
    num_cached: int = 0
    num_requests: int = 0
    tokens: Tokens = field(default_factory=Tokens)

    @property
    def num_open(self) -> int:
        """Questions that are left."""
        return sum(len(todo.samples) for todo in self.todo)


class Planner:
    """Looks questions up."""

    def __init__(self, frames: FrameStore, cache: ReplyCache, bad_video: BadVideo) -> None:
        self.plan = Plan()
        self._frames = frames
        self._cache = cache
        self._bad_video = bad_video

    def add(self, exam: Exam, samples: Sequence[Sample], answered: Collection[str]) -> None:
        """Add a task.

        Args:
            answered: ids of the samples that have a row.

        Raises:
            VideoError: when a video is missing and that is to end the evaluation, before anything is paid for.
            DataError: when a sample does not fit its task.
        """
        for together in _in_sequence(exam, samples):
            # What is known only later is guessed here, which the answers that count must not know.
            guessing = replace(exam, history=dict(exam.history))
            left: list[Sample] = []
            for sample in together:
                if sample.sample_id in answered:
                    continue
                row, replies, is_whole = self._look_up(guessing, sample)
                guessing.remember(row)
                if is_whole and not left:
                    exam.remember(row)
                    self.plan.rows.append(row)
                    self.plan.replies += replies
                else:
                    left.append(sample)
            if left:
                self.plan.todo.append(Todo(exam, left))

    def _look_up(self, exam: Exam, sample: Sample) -> tuple[Row, list[Reply], bool]:
        """The row of a sample as far as it is known, the replies for it, and whether it is known."""
        try:
            hashes = self._frames.known_hashes(ShownClip.of(sample))
        except VideoError as error:
            return exclude(exam, sample, error, self._bad_video), [], True
        # Frames cost the same whatever they show; no reply is kept under an empty hash.
        dialogue = exam.dialogue(sample, hashes or [""] * exam.api.num_frames)
        replies: list[Reply] = []
        is_whole = True
        request = next(dialogue)
        while True:
            reply = self._kept(request)
            if reply is None:
                is_whole = False
                self._count(exam, request)
            else:
                replies.append(reply)
            try:
                request = dialogue.send(_STAND_IN if reply is None else text_of(reply))
            except StopIteration as end:
                self.plan.num_cached += len(replies)
                return end.value, replies, is_whole

    def _kept(self, request: ChatRequest) -> Reply | None:
        try:
            return look_up(self._cache, request, check_answered, 1).answer
        except InvalidAnswer:
            return None  # told when its turn comes

    def _count(self, exam: Exam, request: ChatRequest) -> None:
        self.plan.num_requests += 1
        output = min(ANSWER_TOKENS, request.max_output_tokens)
        self.plan.tokens += Tokens(estimate_input(request, tokens_of_frame(exam.api)), output)


def exclude(exam: Exam, sample: Sample, error: VideoError, bad_video: BadVideo) -> Row:
    """The row of a question whose video cannot be shown.

    Raises:
        VideoError: when that is to end the evaluation.
    """
    if bad_video is BadVideo.FAIL:
        raise VideoError(
            f"sample {sample.sample_id!r}: {error}; or report such questions: evaluation.bad_video=exclude"
        ) from error
    return exam.grader.row(sample, excluded=str(error))


def _in_sequence(exam: Exam, samples: Sequence[Sample]) -> Iterator[list[Sample]]:
    """Samples that are asked one after another, by video and time."""
    videos: defaultdict[str, list[Sample]] = defaultdict(list)
    for sample in samples:
        videos[sample.shown_clip.video_id].append(sample)
    for video_id in sorted(videos):
        ordered = sorted(videos[video_id], key=_place_in_time)
        if exam.task.task is TaskName.SEQUENTIAL:
            yield ordered
        else:
            yield from ([sample] for sample in ordered)


def _place_in_time(sample: Sample) -> tuple[float, float, str]:
    clip = sample.shown_clip
    return clip.start_s, clip.stop_s, sample.sample_id
