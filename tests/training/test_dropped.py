import json

import pytest
from transformers import TrainerControl, TrainerState, TrainingArguments

from llavaction.processing.batch import Skipped
from llavaction.training.dropped import DroppedSamples
from llavaction.utils.errors import VideoError


def bad(name, epoch=0):
    return Skipped(name, epoch, f"{name}.MP4: cannot be decoded")


def read(path):
    return [json.loads(line) for line in path.read_text().splitlines()]


def begin(dropped, step):
    dropped.on_train_begin(TrainingArguments(), TrainerState(global_step=step), TrainerControl())


def test_every_time_is_listed(tmp_path, caplog):
    path = tmp_path / "dropped.jsonl"
    dropped = DroppedSamples(path, limit=2)
    begin(dropped, 0)
    dropped.add(3, [bad("a"), bad("b")])
    dropped.add(9, [bad("a", 1)])
    reason = "a.MP4: cannot be decoded"
    rows = read(path)
    assert [(row["sample_id"], row["epoch"], row["step"]) for row in rows] == [("a", 0, 3), ("b", 0, 3), ("a", 1, 9)]
    assert rows[0] == {"sample_id": "a", "epoch": 0, "step": 3, "reason": reason}
    assert dropped.num_dropped == 2
    assert f"step 3 goes without sample 'a': {reason}" in caplog.text


def test_the_limit_counts_different_samples(tmp_path):
    path = tmp_path / "dropped.jsonl"
    dropped = DroppedSamples(path, limit=7)
    for epoch in range(3):
        dropped.add(epoch, [bad(f"s{number}", epoch) for number in range(7)])
    with pytest.raises(VideoError, match=r"8 samples .* train\.max_dropped = 7 .*'s0': s0\.MP4: .*'s4'") as error:
        dropped.add(4, [bad("last")])
    assert "'s5'" not in str(error.value) and str(path) in str(error.value)
    assert len(read(path)) == 22


def test_a_resumed_run_counts_on_from_its_step(tmp_path):
    path = tmp_path / "dropped.jsonl"
    before = DroppedSamples(path, limit=9)
    for step, name in ((2, "a"), (4, "b"), (5, "c")):
        before.add(step, [bad(name)])
    after = DroppedSamples(path, limit=2)
    begin(after, 4)
    assert [row["step"] for row in read(path)] == [2, 4] and after.num_dropped == 2
    with pytest.raises(VideoError, match="3 samples"):
        after.add(5, [bad("c")])


def test_a_run_that_drops_nothing_leaves_no_file(tmp_path):
    begin(DroppedSamples(tmp_path / "dropped.jsonl", limit=0), 0)
    assert not list(tmp_path.iterdir())
