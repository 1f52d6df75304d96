"""Who answers what, and what is answered together."""

from dataclasses import replace

import pytest

from llavaction.evaluation.config import TaskName
from llavaction.evaluation.schedule import make_schedule
from llavaction.sft.samples import ClipRef
from llavaction.utils.errors import ConfigError
from tests.evaluation.test_questions import make_samples


def schedules_of(monkeypatch, samples, num_processes, kind=TaskName.MQA, answered=(), batch_size=2, in_step=False):
    monkeypatch.setenv("WORLD_SIZE", str(num_processes))
    schedules = []
    for rank in range(num_processes):
        monkeypatch.setenv("RANK", str(rank))
        schedules.append(make_schedule(samples, answered, kind, batch_size, in_step=in_step))
    return schedules


def own_ids(schedule):
    return [sample.sample_id for sample in schedule.samples[: schedule.num_own]]


@pytest.mark.parametrize("num_processes", [1, 2, 3, 8])
@pytest.mark.parametrize("number", [0, 1, 2, 5, 8, 9])
@pytest.mark.parametrize("in_step", [False, True])
def test_each_question_is_answered_once(monkeypatch, number, num_processes, in_step):
    samples = make_samples(number)
    schedules = schedules_of(monkeypatch, samples, num_processes, in_step=in_step)
    own = [sample_id for schedule in schedules for sample_id in own_ids(schedule)]
    assert sorted(own) == sorted(sample.sample_id for sample in samples)
    for schedule in schedules:
        assert [idx for batch in schedule.batches for idx in batch] == list(range(len(schedule.samples)))
        assert all(len(batch) <= 2 for batch in schedule.batches)
    if in_step:
        assert len({len(schedule.batches) for schedule in schedules}) == 1
        assert all(len(schedule.samples) - schedule.num_own <= 1 for schedule in schedules)
    else:
        assert all(len(schedule.samples) == schedule.num_own for schedule in schedules)


def test_what_is_answered_is_not_asked_again(monkeypatch):
    (schedule,) = schedules_of(monkeypatch, make_samples(4), 1, answered={"direct/1", "direct/3"})
    assert own_ids(schedule) == ["direct/0", "direct/2"]


def videos(*lengths):
    """Samples of videos of so many questions, in no order."""
    samples = []
    for video, length in enumerate(lengths):
        for number in range(length):
            clip = ClipRef(f"P0{video}_01", float(number), number + 0.5)
            samples.append(replace(make_samples(1)[0], sample_id=f"q/{video}/{number}", clip=clip))
    return samples[::-1]


@pytest.mark.parametrize("num_processes", [1, 2, 3])
def test_whole_videos_go_in_the_order_of_time(monkeypatch, num_processes):
    samples = videos(3, 1, 4, 2)
    schedules = schedules_of(monkeypatch, samples, num_processes, TaskName.SEQUENTIAL)
    assert sorted(sample_id for one in schedules for sample_id in own_ids(one)) == sorted(s.sample_id for s in samples)
    owner = {}
    for rank, schedule in enumerate(schedules):
        last = {}
        for step, batch in enumerate(schedule.batches):
            clips = [schedule.samples[idx].shown_clip for idx in batch]
            assert len({clip.video_id for clip in clips}) == len(clips) <= 2
            for clip in clips:
                assert owner.setdefault(clip.video_id, rank) == rank
                before = last.get(clip.video_id)
                assert before is None or (before[0] < step and before[1] < clip.start_s)
                last[clip.video_id] = (step, clip.start_s)


def test_videos_cannot_keep_in_step(monkeypatch):
    with pytest.raises(ConfigError, match="cannot run under ZeRO-3"):
        schedules_of(monkeypatch, videos(2), 1, TaskName.SEQUENTIAL, in_step=True)
