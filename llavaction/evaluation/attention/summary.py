"""What was measured of all questions, averaged, with 95 % intervals clustered by video. No torch.

N questions, L layers, H heads, G groups.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from llavaction.evaluation.attention.places import GROUPS, Query, TokenGroup
from llavaction.evaluation.attention.records import LIKENESSES, ClipRecord, Likeness, Run, RunInfo
from llavaction.evaluation.intervals import Estimate, estimate_mean

Curve = tuple[Estimate, ...]
"""A value per layer; without interval where all questions are of one video."""


@dataclass(frozen=True)
class QuerySummary:
    """Where some positions look.

    Attributes:
        shares: of attention, mean over heads, per layer; their sum over the groups is 1.
        overall: the same, mean over layers.
        even: what each group would get if attention were spread evenly.
        heads: per layer and head, mean over questions, `[L, H]` each.
    """

    shares: Mapping[TokenGroup, Curve]
    overall: Mapping[TokenGroup, Estimate]
    even: Mapping[TokenGroup, float]
    heads: Mapping[TokenGroup, np.ndarray]


@dataclass(frozen=True)
class RunSummary:
    """One run over all questions.

    Attributes:
        likeness: from the decoder's input to its output: one more than there are layers.
        likeness_overall: mean over the outputs of all layers, without the input, which no layer has touched.
        log_likelihood: of the answer, mean over its tokens.
    """

    info: RunInfo
    attention: Mapping[Query, QuerySummary]
    likeness: Mapping[Likeness, Curve]
    likeness_overall: Mapping[Likeness, Estimate]
    log_likelihood: Estimate


@dataclass(frozen=True)
class Difference:
    """How a run differs from the first: paired by question, of values that are means over layers.

    Attributes:
        attention: of the queries that both runs have; only groups that have tokens in either.
    """

    run: Run
    attention: Mapping[Query, Mapping[TokenGroup, Estimate]]
    likeness: Mapping[Likeness, Estimate]
    log_likelihood: Estimate


@dataclass(frozen=True)
class Summary:
    """All runs, and the differences of the later ones from the first."""

    num_questions: int
    num_videos: int
    runs: Mapping[Run, RunSummary]
    differences: tuple[Difference, ...]


def summarise(clips: Sequence[ClipRecord], infos: Sequence[RunInfo], seed: int) -> Summary:
    """Average over questions.

    Args:
        infos: the runs, each of which has measured every question.
        seed: of the resampling.
    """
    average = _Average(clips, seed)
    runs = {info.run: average.run(info) for info in infos}
    first, *others = (info.run for info in infos)
    differences = tuple(average.difference(first, other) for other in others)
    return Summary(len(clips), len({clip.video for clip in clips}), runs, differences)


class _Average:
    """Means over the same questions, with intervals whose draws depend on the seed and the value's name."""

    def __init__(self, clips: Sequence[ClipRecord], seed: int) -> None:
        self._clips, self._seed = clips, seed
        self._videos = [clip.video for clip in clips]

    def run(self, info: RunInfo) -> RunSummary:
        run = info.run
        measured = [clip.measured[run] for clip in self._clips]
        likeness_NLK = np.stack([one.likeness for one in measured])
        return RunSummary(
            info=info,
            attention={query: self._query(run, query) for query in measured[0].attention},
            likeness={
                name: self._curve(likeness_NLK[:, :, column], run, name) for column, name in enumerate(LIKENESSES)
            },
            likeness_overall={
                name: self._mean(self._likeness(run)[:, column], run, name) for column, name in enumerate(LIKENESSES)
            },
            log_likelihood=self._mean(self._log_likelihoods(run), run, "log_likelihood"),
        )

    def difference(self, first: Run, other: Run) -> Difference:
        attention = {}
        for query in self._clips[0].measured[other].attention:
            if query not in self._clips[0].measured[first].attention:
                continue
            there, here = self._overall(other, query), self._overall(first, query)
            attention[query] = {
                group: self._mean(there[:, column] - here[:, column], other, "less", first, query, group)
                for column, group in enumerate(GROUPS)
                if there[:, column].any() or here[:, column].any()
            }
        change_NK = self._likeness(other) - self._likeness(first)
        likeness = {
            name: self._mean(change_NK[:, column], other, "less", first, name) for column, name in enumerate(LIKENESSES)
        }
        gains_N = self._log_likelihoods(other) - self._log_likelihoods(first)
        return Difference(other, attention, likeness, self._mean(gains_N, other, "less", first, "log_likelihood"))

    def _query(self, run: Run, query: Query) -> QuerySummary:
        seen = [clip.measured[run].attention[query] for clip in self._clips]
        shares_NLHG = np.stack([one.shares_LHG for one in seen]).astype(np.float64)
        even_G = np.mean([one.even_G for one in seen], axis=0)
        layers_NLG, heads_LHG = shares_NLHG.mean(2), shares_NLHG.mean(0)
        overall_NG = self._overall(run, query)
        # Groups without any token, such as action tokens that were left out, are left out here too.
        groups = [(column, group) for column, group in enumerate(GROUPS) if even_G[column] > 0]
        return QuerySummary(
            shares={group: self._curve(layers_NLG[:, :, column], run, query, group) for column, group in groups},
            overall={group: self._mean(overall_NG[:, column], run, query, group) for column, group in groups},
            even={group: float(even_G[column]) for column, group in groups},
            heads={group: heads_LHG[:, :, column] for column, group in groups},
        )

    def _overall(self, run: Run, query: Query) -> np.ndarray:
        """Shares `[N, G]`, mean over layers and heads."""
        return np.stack(
            [clip.measured[run].attention[query].shares_LHG.mean((0, 1), np.float64) for clip in self._clips]
        )

    def _likeness(self, run: Run) -> np.ndarray:
        """Likenesses `[N, 4]`, mean over the outputs of the layers."""
        return np.stack([clip.measured[run].likeness[1:].mean(0) for clip in self._clips])

    def _log_likelihoods(self, run: Run) -> np.ndarray:
        return np.array([clip.measured[run].log_likelihood for clip in self._clips])

    def _curve(self, values_NL: np.ndarray, *name: str) -> Curve:
        return tuple(self._mean(values_NL[:, layer], *name, str(layer)) for layer in range(values_NL.shape[1]))

    def _mean(self, values_N: np.ndarray, *name: str) -> Estimate:
        return estimate_mean(values_N, self._videos, self._seed, *name)
