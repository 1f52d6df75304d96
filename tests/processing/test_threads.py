import torch

from llavaction.processing.threads import share_cores


def threads_with(monkeypatch, num_cores, num_workers, **environment):
    monkeypatch.delenv("OMP_NUM_THREADS", raising=False)
    monkeypatch.setattr("os.cpu_count", lambda: num_cores)
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    chosen = [torch.get_num_threads()]
    monkeypatch.setattr(torch, "set_num_threads", chosen.append)
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    share_cores(num_workers)
    return chosen[1:]


def test_a_core_for_each_worker(monkeypatch):
    assert threads_with(monkeypatch, 8, 3) == [5]
    assert threads_with(monkeypatch, 2, 4) == [1]


def test_processes_share_too(monkeypatch):
    assert threads_with(monkeypatch, 8, 1, LOCAL_WORLD_SIZE="2") == [3]


def test_the_users_word_counts(monkeypatch):
    assert threads_with(monkeypatch, 8, 1, OMP_NUM_THREADS="2") == []
