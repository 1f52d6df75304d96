"""Token sequences as prefix trees: what several of them begin with is run through the model once.

A sequence is what follows a beginning that all of them share; the end of it is scored. N nodes, T scored tokens.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class PrefixTree:
    """Some of the sequences as a tree. Its nodes are the tokens that others follow: the last ones are only scored.

    Attributes:
        tokens, depths: of the nodes, int64 `[N]`; parents stand before their children.
        sees: whether node i stands behind (or is) node j, bool `[N, N]`: the mask under which all are run at once.
        target_nodes, target_tokens: what is scored, each once: a token, and the node that it follows, int64 `[T]`.
        members: the sequences in this tree, by their index, `[M]`.
        member_targets: the targets of the first of them, then those of the second, and so on.
        member_starts: where those of each begin, `[M]`.
    """

    tokens: np.ndarray
    depths: np.ndarray
    sees: np.ndarray
    target_nodes: np.ndarray
    target_tokens: np.ndarray
    members: np.ndarray
    member_targets: np.ndarray
    member_starts: np.ndarray

    @property
    def num_nodes(self) -> int:
        """Tokens to run."""
        return len(self.tokens)

    def member_scores(self, picked_T: np.ndarray) -> np.ndarray:
        """The log-likelihood of each sequence `[M]` from those of the targets `[T]`."""
        scores_M: np.ndarray = np.add.reduceat(picked_T[self.member_targets], self.member_starts)
        return scores_M


def common_length(sequences: Sequence[list[int]]) -> int:
    """How many tokens all sequences begin with."""
    # Only the first and the last in order can differ earliest.
    first, last = min(sequences), max(sequences)
    shortest = min(len(first), len(last))
    return next((place for place in range(shortest) if first[place] != last[place]), shortest)


def grow_trees(sequences: Sequence[list[int]], starts: Sequence[int], limit: int | None = None) -> list[PrefixTree]:
    """Trees that hold each sequence once.

    Args:
        starts: where the scored part of each begins, 1 or later: the first token follows what all of them share.
        limit: nodes of a tree at most, None for one tree; a single sequence may be longer. Neighbours in order share
            a tree, so that few beginnings stand in two.

    Raises:
        ValueError: when a scored part is empty or holds the first token.
    """
    if any(not 1 <= start < len(sequence) for sequence, start in zip(sequences, starts, strict=True)):
        raise ValueError("each sequence needs a scored part behind its first token")
    trees: list[PrefixTree] = []
    group: list[int] = []
    size, before = 0, list[int]()
    for number in sorted(range(len(sequences)), key=lambda number: sequences[number]):
        inner = sequences[number][:-1]
        num_new = len(inner) - (common_length([before, inner]) if group else 0)
        if group and limit is not None and size + num_new > limit:
            trees.append(_tree(sequences, starts, group))
            group, size, num_new = [], 0, len(inner)
        group.append(number)
        size, before = size + num_new, inner
    return [*trees, _tree(sequences, starts, group)]


def _tree(sequences: Sequence[list[int]], starts: Sequence[int], members: list[int]) -> PrefixTree:
    nodes: dict[tuple[int, int], int] = {}
    parents: list[int] = []
    targets: dict[tuple[int, int], int] = {}
    member_targets: list[int] = []
    member_starts: list[int] = []
    for number in members:
        node = -1
        member_starts.append(len(member_targets))
        for place, token in enumerate(sequences[number]):
            if place >= starts[number]:
                member_targets.append(targets.setdefault((node, token), len(targets)))
            if place < len(sequences[number]) - 1:
                child = nodes.setdefault((node, token), len(nodes))
                if child == len(parents):
                    parents.append(node)
                node = child
    depths = np.zeros(len(parents), np.int64)
    sees = np.eye(len(parents), dtype=bool)
    for node, parent in enumerate(parents):
        if parent >= 0:
            depths[node] = depths[parent] + 1
            sees[node] |= sees[parent]
    pairs = np.array(list(targets), np.int64)
    return PrefixTree(
        tokens=np.array([token for _, token in nodes], np.int64),
        depths=depths,
        sees=sees,
        target_nodes=pairs[:, 0],
        target_tokens=pairs[:, 1],
        members=np.array(members),
        member_targets=np.array(member_targets),
        member_starts=np.array(member_starts),
    )


class Tails(list[list[int]]):
    """Continuations that many prompts share, such as the texts of all classes: their trees are grown once."""

    def __init__(self, tails: Sequence[list[int]]) -> None:
        super().__init__(tails)
        self._forests: dict[tuple[tuple[int, ...], int | None], list[PrefixTree]] = {}

    def forest(self, rest: list[int], limit: int | None) -> list[PrefixTree]:
        """The trees of all continuations behind `rest`; see `grow_trees`."""
        key = (tuple(rest), limit)
        if key not in self._forests:
            self._forests[key] = grow_trees([rest + tail for tail in self], [len(rest)] * len(self), limit)
        return self._forests[key]
