"""The summary and every question as JSON, and the maps as arrays. No torch."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from llavaction.evaluation.attention.places import GROUPS
from llavaction.evaluation.attention.records import LIKENESSES, Attention, ClipRecord, Measured
from llavaction.evaluation.attention.summary import Curve, QuerySummary, RunSummary, Summary
from llavaction.evaluation.intervals import Estimate


def to_json(summary: Summary, clips: Sequence[ClipRecord]) -> dict[str, Any]:
    """All figures; shares between 0 and 1, lists from the first layer to the last.

    Likenesses have one value more, for the decoder's input. Heads are means over questions, a list per layer.
    """
    return {
        "num_questions": summary.num_questions,
        "num_videos": summary.num_videos,
        "runs": {run: _run(one) for run, one in summary.runs.items()},
        "differences_from_the_first_run": {
            difference.run: {
                "attention": {query: _each(groups) for query, groups in difference.attention.items()},
                "likeness": _each(difference.likeness),
                "answer_log_likelihood": _estimate(difference.log_likelihood),
            }
            for difference in summary.differences
        },
        "questions": [_clip(clip) for clip in clips],
    }


def save_maps(clips: Sequence[ClipRecord], path: Path) -> None:
    """Write what goes to each pooled patch as float32 arrays `[layers, frames, rows, columns]`, a NumPy `.npz` file.

    They are weights of attention, mean over heads and over the positions that attend, of the questions whose maps were
    kept; named ``QUESTION_ID/RUN/QUERY`` with the question's id as it stands in the JSON file.
    """
    arrays = {
        f"{clip.question_id}/{run}/{query}": attention.map_LThh
        for clip in clips
        for run, measured in clip.measured.items()
        for query, attention in measured.attention.items()
        if attention.map_LThh is not None
    }
    with path.open("wb") as file:
        np.savez_compressed(file, **arrays)  # type: ignore[arg-type]


def _run(one: RunSummary) -> dict[str, Any]:
    info = one.info
    return {
        "label": info.label,
        "checkpoint": info.checkpoint,
        "num_layers": info.num_layers,
        "num_heads": info.num_heads,
        "answer_log_likelihood": _estimate(one.log_likelihood),
        "attention": {query: _query(seen) for query, seen in one.attention.items()},
        "likeness": {name: _curve(curve) for name, curve in one.likeness.items()},
        "likeness_mean_over_layers": _each(one.likeness_overall),
    }


def _query(seen: QuerySummary) -> dict[str, Any]:
    return {
        "shares": {group: _curve(curve) for group, curve in seen.shares.items()},
        "mean_over_layers": _each(seen.overall),
        "if_spread_evenly": dict(seen.even),
        "heads": {group: heads_LH.tolist() for group, heads_LH in seen.heads.items()},
    }


def _clip(clip: ClipRecord) -> dict[str, Any]:
    return {
        "question_id": clip.question_id,
        "video": clip.video,
        "question": clip.question,
        "answer": clip.answer,
        "runs": {run: _measured(measured) for run, measured in clip.measured.items()},
    }


def _measured(measured: Measured) -> dict[str, Any]:
    return {
        "answer_log_likelihood": measured.log_likelihood,
        "attention": {query: _attention(seen) for query, seen in measured.attention.items()},
        "likeness": dict(zip(LIKENESSES, measured.likeness.T.tolist(), strict=True)),
    }


def _attention(seen: Attention) -> dict[str, Any]:
    shares_LG = seen.shares_LHG.mean(1)
    return {
        "shares": {group: shares_LG[:, column].tolist() for column, group in enumerate(GROUPS) if seen.even_G[column]},
        "frames": seen.frames_LT.tolist(),
    }


def _each(estimates: Mapping[Any, Estimate]) -> dict[str, Any]:
    return {name: _estimate(estimate) for name, estimate in estimates.items()}


def _estimate(estimate: Estimate) -> dict[str, float | None]:
    return {"value": estimate.value, "low": estimate.low, "high": estimate.high}


def _curve(curve: Curve) -> dict[str, list[float | None]]:
    columns: Iterable[tuple[float | None, ...]] = zip(*((one.value, one.low, one.high) for one in curve), strict=True)
    return dict(zip(("value", "low", "high"), map(list, columns), strict=True))
