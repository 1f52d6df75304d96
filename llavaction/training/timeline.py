"""Where the time of recorded steps went: a trace of torch's profiler, cut into parts. No torch.

The trace is Chrome's format as torch writes it: events with category `cat`, `name`, start `ts` and length `dur` in
microseconds; kernels carry the `correlation` of the call that launched them.

Every moment of the steps goes to one part. With a GPU, a moment at which it computes belongs to the part that launched
the kernel; one at which it only exchanges data is communication; one at which it does nothing is a wait for data when
the host waits for the loader, else idle. Without a GPU the host's own part counts, but for moments at which an exchange
is under way and no operator runs.
"""

from __future__ import annotations

import bisect
from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import Any, NamedTuple

from llavaction.utils.enums import StrEnum
from llavaction.utils.errors import DataError

PREFIX = "llavaction part: "
"""Of the marks that say which part computes from there on."""


class TracePart(StrEnum):
    """What the time of a step goes to."""

    DATA = "data"
    """Waiting for the loader."""
    VISION = "vision"
    PROJECTOR = "projector"
    DECODER = "decoder"
    LOSS = "loss"
    """LM head, action heads and all loss terms."""
    OPTIMISER = "optimiser"
    """Clipping, the update, and setting gradients to zero."""
    COMMUNICATION = "communication"
    """Exchange between processes while nothing is computed."""
    OTHER = "other"
    """Everything else: copies to the device, embedding, pooling, counting, log lines, checkpoints, evaluations."""
    IDLE = "idle"
    """The GPU waits for the host."""


class Direction(StrEnum):
    """Whether a part computes its outputs or its gradients."""

    FORWARD = "forward"
    BACKWARD = "backward"
    NEITHER = "neither"


Event = dict[str, Any]
Label = tuple[TracePart, Direction]

_STEP = "ProfilerStep#"
_LOADER = "enumerate(DataLoader)#"
_ON_GPU = ("kernel", "gpu_memcpy", "gpu_memset")
_LAUNCHES = ("cuda_runtime", "cuda_driver")
_BACKENDS = ("gloo:", "nccl:")

_DATA: Label = (TracePart.DATA, Direction.NEITHER)
_IDLE: Label = (TracePart.IDLE, Direction.NEITHER)
_OTHER: Label = (TracePart.OTHER, Direction.NEITHER)
_COMMUNICATION: Label = (TracePart.COMMUNICATION, Direction.NEITHER)


class Segment(NamedTuple):
    """A stretch of time that belongs to one part; microseconds."""

    start: float
    end: float
    label: Label


@dataclass(frozen=True)
class Timeline:
    """The steps of a trace.

    Attributes:
        num_steps: how many were recorded.
        segments: without gaps or overlaps, from the first step's start to the last one's end.
        communication_us: all exchange between processes, also while something is computed.
        kernels: what computes: name, calls and microseconds, the longest first. GPU kernels, or on a CPU operators
            without the operators that they call.
    """

    num_steps: int
    segments: list[Segment]
    communication_us: float
    kernels: list[tuple[str, int, float]]

    @property
    def duration_us(self) -> float:
        """Of all steps together."""
        return self.segments[-1].end - self.segments[0].start

    def times_us(self) -> dict[Label, float]:
        """Time of each part and direction; all together make the duration."""
        times: dict[Label, float] = defaultdict(float)
        for segment in self.segments:
            times[segment.label] += segment.end - segment.start
        return dict(times)


def read_timeline(trace: dict[str, Any]) -> Timeline:
    """Cut the steps of a trace into parts.

    Raises:
        DataError: when it holds no step.
    """
    events: list[Event] = [event for event in trace["traceEvents"] if event.get("ph") == "X"]
    steps = [event for event in events if _is(event, "user_annotation", _STEP)]
    if not steps:
        raise DataError("the trace holds no step")
    window = (min(event["ts"] for event in steps), max(_end(event) for event in steps))
    host = _host_segments(events, window)
    kernels = [event for event in events if event.get("cat") in _ON_GPU]
    if kernels:
        exchanges = [event for event in kernels if "nccl" in event["name"].lower()]
        computing = [event for event in kernels if "nccl" not in event["name"].lower()]
        busy = _spans(computing, _launcher_label(events, host))
        waiting = [segment._replace(label=_DATA if segment.label == _DATA else _IDLE) for segment in host]
        longest = _totals((event["name"], event["dur"]) for event in computing)
    else:
        exchanges = [event for event in events if _is(event, "user_annotation", *_BACKENDS)]
        busy = _spans(event for event in events if _is(event, "cpu_op", "aten::"))
        waiting = host
        longest = _totals(_own_times(event for event in events if event.get("cat") == "cpu_op"))
    exchanged = _spans(exchanges)
    exposed = _outside(exchanged, busy)
    taken = sorted([*busy, *exposed]) if kernels else exposed
    segments = _clip(sorted([*taken, *_outside(waiting, taken)]), window)
    return Timeline(len(steps), segments, sum(end - start for start, end, _ in _clip(exchanged, window)), longest)


def _is(event: Event, category: str, *prefixes: str) -> bool:
    return event.get("cat") == category and event["name"].startswith(prefixes)


def _end(event: Event) -> float:
    return float(event["ts"] + event["dur"])


def _host_segments(events: Sequence[Event], window: tuple[float, float]) -> list[Segment]:
    """What the host was at, by the marks; waits for the loader lie between them."""
    borders: list[tuple[float, Label]] = [(window[0], _OTHER)]
    for event in events:
        if _is(event, "user_annotation", PREFIX):
            part, direction = event["name"].removeprefix(PREFIX).split(" ")
            borders.append((event["ts"], (TracePart(part), Direction(direction))))
        elif _is(event, "user_annotation", _LOADER):
            borders += [(event["ts"], _DATA), (_end(event), _OTHER)]
    borders.sort(key=lambda border: border[0])
    ends = [start for start, _ in borders[1:]] + [max(window[1], borders[-1][0])]
    return [Segment(start, end, label) for (start, label), end in zip(borders, ends, strict=True) if end > start]


def _launcher_label(events: Iterable[Event], host: Sequence[Segment]) -> Callable[[Event], Label]:
    """Tells what the host was at when it launched a kernel."""
    launches: dict[int, float] = {
        event["args"]["correlation"]: event["ts"]
        for event in events
        if event.get("cat") in _LAUNCHES and "correlation" in event.get("args", {})
    }
    starts = [segment.start for segment in host]

    def label_of(kernel: Event) -> Label:
        call = kernel["args"]["correlation"]
        launched = launches[call] if call in launches else float(kernel["ts"])
        return host[max(bisect.bisect_right(starts, launched) - 1, 0)].label

    return label_of


def _spans(events: Iterable[Event], label_of: Callable[[Event], Label] | None = None) -> list[Segment]:
    """Events one after the other; where they overlap, the one that began first goes on."""
    segments: list[Segment] = []
    done = float("-inf")
    for event in sorted(events, key=lambda event: event["ts"]):
        start, end = max(event["ts"], done), _end(event)
        if end > start:
            segments.append(Segment(start, end, label_of(event) if label_of else _COMMUNICATION))
            done = end
    return segments


def _outside(segments: Sequence[Segment], taken: Sequence[Segment]) -> list[Segment]:
    """What of `segments` lies outside `taken`; both sorted and without overlaps."""
    free: list[Segment] = []
    place = 0
    for start, end, label in segments:
        while place < len(taken) and taken[place].end <= start:
            place += 1
        cursor, following = start, place
        while following < len(taken) and taken[following].start < end:
            if taken[following].start > cursor:
                free.append(Segment(cursor, taken[following].start, label))
            cursor = taken[following].end
            following += 1
        if cursor < end:
            free.append(Segment(cursor, end, label))
    return free


def _clip(segments: Iterable[Segment], window: tuple[float, float]) -> list[Segment]:
    clipped = [Segment(max(start, window[0]), min(end, window[1]), label) for start, end, label in segments]
    return [segment for segment in clipped if segment.end > segment.start]


def _own_times(operators: Iterable[Event]) -> list[tuple[str, float]]:
    """Each operator's name and its time without the operators that it calls in the same thread."""
    times: list[tuple[str, float]] = []
    by_thread = sorted(operators, key=lambda event: (str(event["tid"]), event["ts"], -event["dur"]))
    for _, thread in groupby(by_thread, key=lambda event: str(event["tid"])):
        open_places: list[tuple[float, int]] = []
        for event in thread:
            while open_places and open_places[-1][0] <= event["ts"]:
                open_places.pop()
            if open_places:
                name, time = times[open_places[-1][1]]
                times[open_places[-1][1]] = (name, time - event["dur"])
            open_places.append((_end(event), len(times)))
            times.append((event["name"], event["dur"]))
    return times


def _totals(times: Iterable[tuple[str, float]]) -> list[tuple[str, int, float]]:
    """Calls and time of each name, the longest first."""
    by_name: dict[str, list[float]] = defaultdict(list)
    for name, time in times:
        by_name[name].append(time)
    totals = [(name, len(each), sum(each)) for name, each in by_name.items()]
    return sorted(totals, key=lambda total: -total[2])
