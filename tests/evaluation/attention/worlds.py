"""Made-up measurements: shares that sum to 1, from a seed."""

from __future__ import annotations

import numpy as np

from llavaction.evaluation.attention.places import GROUPS, Query, TokenGroup
from llavaction.evaluation.attention.records import Attention, ClipRecord, Measured, Run, RunInfo

AS_TRAINED = RunInfo(Run.AS_TRAINED, "with action token", "runs/mine", 6, 3)
LEFT_OUT = RunInfo(Run.LEFT_OUT, "action token left out", "runs/mine", 6, 3)
OTHER = RunInfo(Run.OTHER, "other checkpoint (no action token)", "runs/other", 3, 2)
INFOS = (AS_TRAINED, LEFT_OUT, OTHER)

_UNSEEN = {
    Query.ANSWER: (),
    Query.ACTION_TOKEN: (TokenGroup.QUESTION, TokenGroup.ANSWER),
}


def attention_of(rng, info, query, num_frames=4, side=3):
    """Random attention; without action tokens nothing goes to them."""
    absent = {*_UNSEEN[query], *(() if info is AS_TRAINED else (TokenGroup.ACTION_TOKEN,))}
    seen_G = np.array([group not in absent for group in GROUPS], float)
    shares_LHG = rng.random((info.num_layers, info.num_heads, len(GROUPS))) * seen_G
    shares_LHG /= shares_LHG.sum(-1, keepdims=True)
    visual_L = shares_LHG[..., GROUPS.index(TokenGroup.VISUAL)].mean(1)
    map_LThh = rng.random((info.num_layers, num_frames, side, side))
    map_LThh *= (visual_L / map_LThh.sum((1, 2, 3)))[:, None, None, None]
    return Attention(shares_LHG, seen_G / seen_G.sum(), map_LThh.sum((2, 3)), map_LThh)


def measured_of(rng, info, **sizes):
    """Random figures of one run."""
    queries = (Query.ANSWER, Query.ACTION_TOKEN) if info is AS_TRAINED else (Query.ANSWER,)
    return Measured(
        attention={query: attention_of(rng, info, query, **sizes) for query in queries},
        likeness=rng.random((info.num_layers + 1, 4)),
        log_likelihood=-float(rng.random()),
    )


def clips_of(number, infos=INFOS, num_videos=3, with_frames=True, resolution=12, **sizes):
    """Questions about some videos, each measured in every run."""
    clips = []
    for idx in range(number):
        rng = np.random.default_rng(idx)
        frames = rng.integers(0, 256, (sizes.get("num_frames", 4), resolution, resolution, 3), np.uint8)
        clips.append(
            ClipRecord(
                question_id=f"mqa/{idx}",
                video=f"P01_{idx % num_videos:02}",
                question="Which?\nA. take cup",
                answer=f"A. take cup {idx}",
                measured={info.run: measured_of(rng, info, **sizes) for info in infos},
                frames={info.run: frames for info in infos} if with_frames else {},
            )
        )
    return clips
