import pytest

from llavaction.evaluation.processes import from_first, share_out


def shares_of(monkeypatch, items, num_processes, in_step):
    monkeypatch.setenv("WORLD_SIZE", str(num_processes))
    shares = []
    for rank in range(num_processes):
        monkeypatch.setenv("RANK", str(rank))
        shares.append(share_out(items, in_step=in_step))
    return shares


@pytest.mark.parametrize("num_processes", [1, 2, 3, 8])
@pytest.mark.parametrize("num_items", [0, 1, 2, 5, 8, 9])
@pytest.mark.parametrize("in_step", [False, True])
def test_each_item_is_answered_for_once(monkeypatch, num_items, num_processes, in_step):
    shares = shares_of(monkeypatch, list(range(num_items)), num_processes, in_step)
    own = [item for share in shares for item in share.items[: share.num_own]]
    assert sorted(own) == list(range(num_items))
    if in_step:
        assert len({len(share.items) for share in shares}) == 1
        assert all(len(share.items) - share.num_own <= 1 for share in shares)
    else:
        assert all(len(share.items) == share.num_own for share in shares)


def test_one_process_needs_no_other():
    assert from_first(lambda: "made") == "made"
