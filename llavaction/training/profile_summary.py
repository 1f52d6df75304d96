"""One page that says where the time of recorded steps went. No torch."""

from __future__ import annotations

from dataclasses import dataclass

from llavaction.training.timeline import Direction, Timeline, TracePart

_NUM_KERNELS = 12
_NAME_LENGTH = 90


@dataclass(frozen=True)
class ProfiledSteps:
    """What was recorded: optimiser steps by their numbers in the run, and where."""

    first_step: int
    last_step: int
    device: str
    num_processes: int
    peak_memory_gib: float
    trace_file: str


def summary_page(timeline: Timeline, steps: ProfiledSteps) -> str:
    """The page, as Markdown."""
    who = f"The first of {steps.num_processes} processes" if steps.num_processes > 1 else "One process"
    kernels = [
        f"| {time / timeline.num_steps / 1000:.2f} | {calls / timeline.num_steps:.0f} | `{_shortened(name)}` |"
        for name, calls, time in timeline.kernels[:_NUM_KERNELS]
    ]
    lines = [
        f"# Where the time of steps {steps.first_step} to {steps.last_step} went",
        "",
        f"{who}, on {steps.device}: {_step_ms(timeline):.1f} ms per step while recorded (recording takes "
        f"time too), {steps.peak_memory_gib:.2f} GiB at most so far.",
        "",
        *parts_table(timeline),
        "",
        "Communication is what nothing was computed beside; in all, exchanges took "
        f"{timeline.communication_us / timeline.num_steps / 1000:.1f} ms per step. The loss is all that follows the "
        "decoder's last hidden state; recomputing (gradient checkpointing) is part of the backward pass; other is "
        "copying, embedding, pooling, counting, log lines, checkpoints and evaluations.",
        "",
        "## What computes longest",
        "",
        "| ms per step | calls per step | name |",
        "|---:|---:|:---|",
        *kernels,
        "",
        f"`{steps.trace_file}` opens in chrome://tracing and https://ui.perfetto.dev; the row `parts` shows the table "
        "above along time.",
    ]
    return "\n".join(lines) + "\n"


def parts_table(timeline: Timeline) -> list[str]:
    """Milliseconds per step of each part: its forward pass, its backward pass, both, and their share."""
    times = {label: time / timeline.num_steps / 1000 for label, time in timeline.times_us().items()}
    lines = [
        f"| {'part':<13} | {'forward':>9} | {'backward':>9} | {'ms':>9} | {'share':>6} |",
        f"|:{'-' * 14}|{'-' * 10}:|{'-' * 10}:|{'-' * 10}:|{'-' * 7}:|",
    ]
    for part in TracePart:
        if part is TracePart.IDLE and (part, Direction.NEITHER) not in times:
            continue
        forward, backward = (times.get((part, direction), 0.0) for direction in (Direction.FORWARD, Direction.BACKWARD))
        total = forward + backward + times.get((part, Direction.NEITHER), 0.0)
        cells = [f"{time:>9.1f}" if time else " " * 9 for time in (forward, backward)]
        share = total / _step_ms(timeline)
        lines.append(f"| {part.value:<13} | {cells[0]} | {cells[1]} | {total:>9.1f} | {share:>6.1%} |")
    lines.append(f"| {'step':<13} | {'':>9} | {'':>9} | {_step_ms(timeline):>9.1f} | {1:>6.1%} |")
    return lines


def _step_ms(timeline: Timeline) -> float:
    return timeline.duration_us / timeline.num_steps / 1000


def _shortened(name: str) -> str:
    clean = name.replace("|", "\\|")
    return clean if len(clean) <= _NAME_LENGTH else clean[: _NAME_LENGTH - 1] + "…"
