from dataclasses import replace

import pytest

from llavaction.model.config import ActionSupervision
from llavaction.sft.samples import Sample, View
from llavaction.testing.tiny import tiny_model, tiny_processor
from llavaction.training.config import PlanConfig, Precision
from llavaction.training.dry_run import dry_run
from llavaction.utils.errors import ConfigError, DataError, VideoError
from tests.training.test_combinations import CLIP, TURNS, make_run

TALK = [Sample(f"replay/{number}", View.REPLAY, None, None, TURNS, None) for number in range(9)]


@pytest.fixture(scope="module")
def saved(tmp_path_factory):
    folder = tmp_path_factory.mktemp("saved")
    model = tiny_model(supervision=ActionSupervision.NONE)
    model.save_pretrained(folder)
    tiny_processor(model).save(folder)
    return folder


def run_on(saved, tmp_path, samples=TALK, **train):
    run = make_run(train={"precision": Precision.FP32, **train}, samples=samples, supervision=ActionSupervision.NONE)
    return replace(run, folder=tmp_path / "run", model=replace(run.model, checkpoint=str(saved)))


def test_everything_is_said_and_nothing_written(saved, tmp_path):
    run = run_on(saved, tmp_path, plan=PlanConfig(num_gpus=4, device="H100", memory_gib=80), batch_size=2)
    text = dry_run(run)
    assert not run.folder.exists()
    for line in ("9 per epoch", "1 of 8 samples each: 2 per GPU x 1 accumulated x 4 GPUs", "<- this run", "hours on 4"):
        assert line in text, text
    assert text.count("of them supervised,") == 4
    assert text.endswith("warnings\nnone")


def test_what_the_plan_cannot_hold_is_said_with_what_can(saved, tmp_path):
    text = dry_run(run_on(saved, tmp_path, plan=PlanConfig(num_gpus=8, memory_gib=1e-5)))
    assert "GiB per GPU are more than its" in text
    assert "fewer frames, or lora=lora" in text


def test_a_missing_video_is_found(saved, tmp_path):
    with pytest.raises(VideoError, match="direct/0"):
        dry_run(run_on(saved, tmp_path, samples=[CLIP, *TALK]))


def test_a_sample_that_is_too_long_is_found(saved, tmp_path):
    with pytest.raises(DataError, match=r"replay/0.* the limit is 20"):
        dry_run(run_on(saved, tmp_path, max_length=20))


def test_what_a_run_would_refuse_a_dry_run_refuses(saved, tmp_path):
    run = run_on(saved, tmp_path)
    with pytest.raises(ConfigError, match="offload_param needs"):
        dry_run(replace(run, deepspeed={"zero_optimization": {"stage": 2, "offload_param": {"device": "cpu"}}}))
