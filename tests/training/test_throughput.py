"""The figures of a log line, by a clock that only moves when told to."""

from types import SimpleNamespace

import pytest
import torch
from accelerate.data_loader import DataLoaderShard

from llavaction.testing.tiny import tiny_model
from llavaction.training import throughput
from llavaction.training.flops import ModelFlops, Workload
from llavaction.training.throughput import Meter
from tests.training.batches import NUM_LABELS, make_batch

LOG, NO_LOG = SimpleNamespace(should_log=True), SimpleNamespace(should_log=False)


class Clock:
    def __init__(self):
        self.now = 100.0

    def __call__(self):
        return self.now


@pytest.fixture
def clock(monkeypatch):
    clock = Clock()
    monkeypatch.setattr(throughput.time, "perf_counter", clock)
    monkeypatch.setattr(throughput, "peak_memory", lambda: 3.0 * 2**30)
    return clock


@pytest.fixture(scope="module")
def model():
    return tiny_model()


def run_step(meter, clock, batches, wait_s=0.0, compute_s=1.0):
    meter.start_step()
    clock.now += wait_s
    meter.waited(wait_s)
    meter.count(batches)
    clock.now += compute_s
    meter.on_step_end(None, None, LOG)
    # Log lines, evaluations and checkpoints.
    clock.now += 50


def alone(rows):
    return rows


def test_figures_are_of_the_steps_since_the_last_line(clock, model):
    meter = Meter(ModelFlops.of(model), peak=1e-3)
    short, long = make_batch(model, (2,)), make_batch(model, (2, 3, 1))
    run_step(meter, clock, [long])
    meter.take(alone)
    run_step(meter, clock, [short, long], wait_s=1.0)
    run_step(meter, clock, [short], compute_s=2.0)
    lengths = [int(length) for batch in (short, long, short) for length in batch["attention_mask"].sum(1)]
    flops = ModelFlops.of(model).step(Workload.of_rows(10, lengths, 5 * NUM_LABELS))
    assert meter.take(alone) == pytest.approx(
        {
            "step_s": 2.0,
            "samples_per_s": 5 / 4,
            "tokens_per_s": sum(lengths) / 4,
            "mfu": flops / 4 / 1e9,
            "data_wait_share": 1 / 4,
            "peak_memory_gib": 3.0,
        }
    )


def test_tokens_of_padding_are_not_counted(clock, model):
    meter = Meter(ModelFlops.of(model), peak=None)
    batch = make_batch(model, (1, 4))
    assert batch["input_ids"].numel() > batch["attention_mask"].sum()
    run_step(meter, clock, [batch])
    assert meter.take(alone)["tokens_per_s"] == batch["attention_mask"].sum()


def test_processes_are_added_up_and_the_worst_wait_counts(clock, model):
    meter = Meter(ModelFlops.of(model), peak=0.5)
    run_step(meter, clock, [make_batch(model, (2, 2))], wait_s=0.5, compute_s=1.5)

    def with_a_slower_one(rows):
        step_s, wait_s, num_samples, num_tokens, flops, peak, memory = range(7)
        other = rows[0].clone()
        other[step_s], other[wait_s], other[memory] = 4.0, 3.0, 6.0 * 2**30
        other[num_samples], other[num_tokens], other[flops] = 6, 80, 1e12
        other[peak] = 1.5
        return torch.stack([rows[0], other])

    found = meter.take(with_a_slower_one)
    assert found["samples_per_s"] == (2 + 6) / 4
    assert found["data_wait_share"] == 3 / 4
    assert found["peak_memory_gib"] == 6
    assert found["mfu"] == pytest.approx(1e12 / 4 / 2e12, rel=1e-3)


def test_there_is_no_mfu_without_a_known_device(clock, model):
    meter = Meter(ModelFlops.of(model), peak=None)
    run_step(meter, clock, [make_batch(model)])
    assert meter.take(alone)["mfu"] is None


def test_a_batch_without_samples_counts_as_none(clock, model):
    batch = make_batch(model, (0,), num_words=1)
    batch |= {"sample_ids": [], "pixel_values_videos": torch.empty(0, 3, 12, 12)}
    meter = Meter(ModelFlops.of(model), peak=1.0)
    run_step(meter, clock, [batch])
    assert meter.take(alone)["samples_per_s"] == 0


def test_only_the_loader_is_waited_for(clock, model):
    """Not what accelerate does to the batches, nor what is done with them."""

    class Slow(torch.utils.data.Dataset):
        def __len__(self):
            return 4

        def __getitem__(self, idx):
            clock.now += 0.25
            return torch.tensor(idx)

    meter = Meter(ModelFlops.of(model), peak=None)
    loader = meter.watch(DataLoaderShard(Slow(), batch_sampler=[[0, 1], [2, 3]], device=torch.device("cpu")))
    found = []
    meter.start_step()
    for batch in loader:
        found.append(batch.tolist())
        clock.now += 1
    meter.count([make_batch(model)])
    meter.on_step_end(None, None, NO_LOG)
    assert found == [[0, 1], [2, 3]]
    assert meter.take(alone)["data_wait_share"] == pytest.approx(1 / 3)
