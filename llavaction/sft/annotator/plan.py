"""What the cache already answers, what is left to ask, and what that will take. Decodes and asks nothing."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from llavaction.annotations.segments import Segment
from llavaction.api.answers import InvalidAnswer, look_up
from llavaction.api.costs import ANSWER_TOKENS, CHARS_PER_TOKEN, Tokens, estimate_input, tokens_of_frame
from llavaction.api.frames import FrameStore
from llavaction.api.replies import ReplyCache
from llavaction.api.requests import ChatRequest
from llavaction.sft.annotator.answers import CaptionAnswer, parse_caption, parse_pairs
from llavaction.sft.annotator.config import AnnotatorConfig
from llavaction.sft.annotator.questions import ask_caption, ask_pairs
from llavaction.sft.annotator.records import ClipAnnotation, Failure, PromptVersion, QaPair, SegmentReason
from llavaction.utils.seeding import seed_for

Outcome = ClipAnnotation | Failure


@dataclass(frozen=True)
class Todo:
    """A segment that is not settled; `caption` is what the cache has of it."""

    segment: Segment
    caption: CaptionAnswer | None

    @property
    def num_requests(self) -> int:
        """Requests that it takes when every answer is valid."""
        return 1 if self.caption else 2


@dataclass
class Plan:
    """The state of a run before its first request.

    Attributes:
        outcomes: settled segments.
        todo: the others, by video and time, so that files are opened once.
        num_cached: replies that are used from the cache.
        tokens: about what is left to pay for, when every answer is valid and no label is wrong.
    """

    outcomes: list[Outcome] = field(default_factory=list)
    todo: list[Todo] = field(default_factory=list)
    num_cached: int = 0
    tokens: Tokens = field(default_factory=Tokens)

    @property
    def num_segments(self) -> int:
        """All segments."""
        return len(self.outcomes) + len(self.todo)

    @property
    def num_requests(self) -> int:
        """Requests that are left when every answer is valid and no label is wrong."""
        return sum(todo.num_requests for todo in self.todo)


def choose_segments(segments: Iterable[Segment], limit: int | None, seed: int) -> list[Segment]:
    """Draw `limit` segments, which depends on their ids and the seed alone; a larger limit keeps a smaller one's."""
    drawn = sorted(segments, key=lambda segment: seed_for(seed, "annotate", segment.segment_id))[:limit]
    return sorted(drawn, key=lambda segment: (segment.video_id, segment.start_s, segment.segment_id))


def make_plan(segments: Sequence[Segment], config: AnnotatorConfig, frames: FrameStore, cache: ReplyCache) -> Plan:
    """Look every segment up.

    Raises:
        VideoError: when a video is missing, before anything is paid for.
    """
    plan = Plan()
    for segment in segments:
        try:
            _look_up_segment(plan, segment, config, frames, cache)
        except InvalidAnswer as error:
            plan.num_cached += config.num_answers
            plan.outcomes.append(Failure(segment.segment_id, error.reason, error.detail))
    return plan


def annotation(config: AnnotatorConfig, segment: Segment, caption: str, pairs: tuple[QaPair, ...]) -> ClipAnnotation:
    """The record of a segment with valid answers to both questions."""
    version = PromptVersion(config.prompt.name, config.prompt.version)
    return ClipAnnotation(segment.segment_id, caption, pairs, config.model, version)


def disagreement(segment: Segment, caption: CaptionAnswer) -> Failure:
    """The record of a segment whose label the model does not believe."""
    return Failure(segment.segment_id, SegmentReason.DISAGREES, caption.caption)


def _look_up_segment(
    plan: Plan, segment: Segment, config: AnnotatorConfig, frames: FrameStore, cache: ReplyCache
) -> None:
    hashes = frames.known_hashes(segment)
    if hashes is None:
        # Frames cost the same whatever they show.
        _add_todo(plan, Todo(segment, None), ask_caption(config, segment, [""] * config.num_frames), config)
        return
    request = ask_caption(config, segment, hashes)
    caption = look_up(cache, request, parse_caption, config.num_answers)
    plan.num_cached += caption.num_replies
    if caption.answer is None:
        _add_todo(plan, Todo(segment, None), request, config)
        return
    if not caption.answer.agrees:
        plan.outcomes.append(disagreement(segment, caption.answer))
        return
    request = ask_pairs(config, segment, caption.answer.caption)
    pairs = look_up(cache, request, parse_pairs, config.num_answers)
    plan.num_cached += pairs.num_replies
    if pairs.answer is None:
        _add_todo(plan, Todo(segment, caption.answer), request, config)
        return
    plan.outcomes.append(annotation(config, segment, caption.answer.caption, pairs.answer))


def _add_todo(plan: Plan, todo: Todo, request: ChatRequest, config: AnnotatorConfig) -> None:
    plan.todo.append(todo)
    plan.tokens += Tokens(estimate_input(request, tokens_of_frame(config)), ANSWER_TOKENS)
    if todo.caption is None:
        unknown = ask_pairs(config, todo.segment, "x" * (ANSWER_TOKENS * CHARS_PER_TOKEN))
        plan.tokens += Tokens(estimate_input(unknown, tokens_of_frame(config)), ANSWER_TOKENS)
