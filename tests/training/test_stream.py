from collections import Counter

from hypothesis import given
from hypothesis import strategies as st

from llavaction.training.stream import EpochStream


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
