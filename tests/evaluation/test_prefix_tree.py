"""Sequences as trees: every token is there, shared beginnings once."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from llavaction.evaluation.prefix_tree import Tails, common_length, grow_trees
from tests.properties import reproducible

SEQUENCES = st.lists(st.lists(st.integers(1, 3), min_size=1, max_size=6), min_size=1, max_size=12)


def path_to(tree, node):
    """Tokens from the root to a node, by the mask."""
    return tree.tokens[tree.sees[node]].tolist()


def test_shared_beginnings_stand_once():
    trees = grow_trees([[0, 1, 2, 3], [0, 1, 2, 4], [0, 1, 5]], [1, 1, 1])
    (tree,) = trees
    # The last tokens are scored, not run.
    assert sorted(tree.tokens.tolist()) == [0, 1, 2]
    assert sorted(tree.target_tokens.tolist()) == [1, 2, 3, 4, 5]


@reproducible
@given(tails=SEQUENCES, limit=st.sampled_from([None, 1, 3, 8]), start=st.integers(1, 2))
def test_each_sequence_is_scored_by_its_own_tokens(tails, limit, start):
    sequences = [[tail[0], 9, *tail] for tail in tails]
    seen = []
    for tree in grow_trees(sequences, [start] * len(sequences), limit):
        ends = [*tree.member_starts[1:], len(tree.member_targets)]
        for member, low, high in zip(tree.members, tree.member_starts, ends, strict=True):
            seen.append(int(member))
            targets = tree.member_targets[low:high]
            assert tree.target_tokens[targets].tolist() == sequences[member][start:]
            for place, target in enumerate(targets, start=start):
                node = tree.target_nodes[target]
                assert path_to(tree, node) == sequences[member][:place]
                assert tree.depths[node] == place - 1
        paths = [tuple(path_to(tree, node)) for node in range(tree.num_nodes)]
        assert len(set(paths)) == len(paths)
        longest = max(len(sequences[member]) - 1 for member in tree.members)
        assert limit is None or tree.num_nodes <= max(limit, longest)
    assert sorted(seen) == list(range(len(sequences)))


def test_scores_are_sums_over_the_own_tokens():
    (tree,) = grow_trees([[0, 1, 2], [0, 1, 3], [0, 1]], [1, 1, 1])
    value = {1: 10.0, 2: 2.0, 3: 3.0}
    picked = np.array([value[token] for token in tree.target_tokens.tolist()])
    scores = dict(zip(tree.members.tolist(), tree.member_scores(picked).tolist(), strict=True))
    assert scores == {0: 12.0, 1: 13.0, 2: 10.0}


@pytest.mark.parametrize(
    ("sequences", "starts", "problem"),
    [
        ([[0, 1]], [0], "needs a scored part behind its first token"),
        ([[0, 1]], [2], "needs a scored part"),
    ],
)
def test_what_cannot_be_a_tree_is_refused(sequences, starts, problem):
    with pytest.raises(ValueError, match=problem):
        grow_trees(sequences, starts)


@reproducible
@given(SEQUENCES)
def test_common_length_is_the_longest_shared_beginning(sequences):
    length = common_length(sequences)
    assert len({tuple(sequence[:length]) for sequence in sequences}) == 1
    longer = {tuple(sequence[: length + 1]) for sequence in sequences}
    assert len(longer) > 1 or min(map(len, sequences)) == length


def test_trees_of_shared_tails_are_grown_once():
    tails = Tails([[1, 2], [1, 3]])
    assert tails.forest([7], None) is tails.forest([7], None)
    assert tails.forest([8], None)[0].tokens[0] == 8
