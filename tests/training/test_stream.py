from collections import Counter

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from llavaction.training.stream import EpochStream, GroupedStream
from tests.properties import reproducible


@reproducible
@given(st.integers(1, 30), st.integers(0, 100), st.integers(0, 5))
def test_every_epoch_holds_every_sample_once(num_samples, length, seed):
    items = list(EpochStream(num_samples, length, seed))
    assert len(items) == len(EpochStream(num_samples, length, seed)) == length
    for start in range(0, length - num_samples + 1, num_samples):
        epoch = start // num_samples
        assert sorted(items[start : start + num_samples]) == [epoch * num_samples + i for i in range(num_samples)]
    assert max(Counter(items).values(), default=0) <= 1


def test_epochs_and_seeds_differ():
    items = list(EpochStream(50, 100, 0))
    assert items[:50] != [item - 50 for item in items[50:]]
    assert items != list(EpochStream(50, 100, 1))


def test_a_longer_run_starts_the_same():
    assert list(EpochStream(7, 40, 3))[:20] == list(EpochStream(7, 20, 3))


@reproducible
@given(st.integers(1, 30), st.integers(0, 100), st.integers(0, 100), st.booleans())
def test_what_is_used_already_is_left_out(num_samples, length, start, is_grouped):
    def stream(start):
        lengths = np.arange(num_samples) % 5
        if is_grouped:
            return GroupedStream(lengths, 4, length, 0, start=start)
        return EpochStream(num_samples, length, 0, start=start)

    assert list(stream(start)) == list(stream(0))[start:]
    assert len(stream(start)) == len(list(stream(start)))


lengths_of_samples = st.lists(st.integers(1, 9), min_size=1, max_size=300).map(np.array)


@reproducible
@given(lengths_of_samples, st.integers(1, 9), st.integers(0, 5))
def test_grouping_loses_and_repeats_nothing(lengths, per_step, seed):
    num = len(lengths)
    items = list(GroupedStream(lengths, per_step, 3 * num, seed))
    for epoch in range(3):
        assert sorted(items[epoch * num : (epoch + 1) * num]) == list(range(epoch * num, (epoch + 1) * num))


@reproducible
@given(lengths_of_samples, st.integers(1, 9), st.integers(0, 5))
def test_within_a_step_the_longest_come_first(lengths, per_step, seed):
    items = np.array(list(GroupedStream(lengths, per_step, 3 * len(lengths), seed)))
    for step in np.split(items, range(per_step, len(items), per_step)):
        epochs, samples = np.divmod(step, len(lengths))
        if len(step) == per_step and len(set(epochs)) == 1:
            assert (np.diff(lengths[samples]) <= 0).all()


@reproducible
@given(lengths_of_samples, st.integers(1, 9), st.integers(0, 5))
def test_the_first_step_holds_the_longest_sample(lengths, per_step, seed):
    first = next(iter(GroupedStream(lengths, per_step, 1, seed)))
    assert lengths[first] == lengths.max() or len(lengths) < per_step


def test_steps_hold_similar_samples_and_come_in_any_order():
    lengths = np.random.default_rng(0).permutation(640)
    stream = GroupedStream(lengths, 8, 1280, 0)
    epochs = lengths[np.array(list(stream)) % 640].reshape(2, 80, 8)
    assert (epochs.max(2) - epochs.min(2)).mean() < 60
    # Neither sorted from step to step, nor the same in both epochs, nor the same for another seed.
    assert np.abs(np.diff(epochs[0].mean(1))).mean() > 150
    assert {tuple(step) for step in epochs[0].tolist()}.isdisjoint(tuple(step) for step in epochs[1].tolist())
    assert list(stream) == list(GroupedStream(lengths, 8, 1280, 0)) != list(GroupedStream(lengths, 8, 1280, 1))


def test_a_longer_grouped_run_starts_the_same():
    lengths = np.arange(30) % 7
    assert list(GroupedStream(lengths, 4, 200, 3))[:90] == list(GroupedStream(lengths, 4, 90, 3))


def test_numbers_that_are_drawn():
    """Another release of NumPy may draw others from the same seed, and a run that goes on would use other samples."""
    assert list(EpochStream(6, 12, 0)) == [5, 2, 4, 0, 3, 1, 8, 7, 11, 6, 9, 10]
    assert list(GroupedStream(np.array([5, 1, 4, 2, 3, 6]), 2, 12, 0)) == [5, 0, 2, 4, 3, 1, 9, 7, 11, 6, 8, 10]
