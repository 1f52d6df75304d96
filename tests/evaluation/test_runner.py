import dataclasses

import pytest
import torch

from llavaction.evaluation import runner
from llavaction.evaluation.answering import Answerer
from llavaction.evaluation.config import EvaluationConfig, TaskConfig, TaskName
from llavaction.evaluation.predictions import read_rows
from llavaction.evaluation.processes import Share
from llavaction.evaluation.runner import EvaluationRun, evaluate
from llavaction.testing.tiny import tiny_model, tiny_processor
from llavaction.utils.errors import VideoError
from llavaction.utils.jsonl import read_json
from llavaction.video.layout import VideoConfig
from tests.evaluation.test_tasks import CLASSES, SAMPLE

SAMPLES = [dataclasses.replace(SAMPLE, sample_id=f"mqa/{i}", segment_id=str(i)) for i in range(5)]


class Clips(torch.utils.data.Dataset):
    """Noise instead of videos; a sample named in `broken` has none."""

    broken: frozenset[str] = frozenset()
    num_loaded = 0

    def __init__(self, samples, video, processor):
        self.samples = samples

    def __len__(self):
        return len(self.samples)

    def __getitem__(self, item):
        Clips.num_loaded += 1
        sample_id = self.samples[item].sample_id
        if sample_id in self.broken:
            raise VideoError(f"sample {sample_id!r}: broken")
        return torch.rand(2, 3, 12, 12, generator=torch.Generator().manual_seed(int(sample_id[-1])))


@pytest.fixture
def run(tmp_path, monkeypatch):
    monkeypatch.setattr(runner, "ClipDataset", Clips)
    monkeypatch.setattr(Clips, "num_loaded", 0)
    model = tiny_model()
    tasks = {"mqa": TaskConfig(), "head": TaskConfig(TaskName.ACTION_HEAD)}
    config = EvaluationConfig(tasks, batch_size=2, num_workers=0)
    answerer = Answerer(model, tiny_processor(model), CLASSES)
    return EvaluationRun(tmp_path, answerer, VideoConfig(folder="."), config, {"mqa": SAMPLES, "head": SAMPLES[:3]})


def read_all(run):
    return {name: read_rows(run.folder / "rows" / f"{name}.jsonl") for name in run.questions}


def test_each_question_has_a_row_and_each_task_metrics(run):
    metrics = evaluate(run)
    assert [row.sample_id for row in read_all(run)["mqa"]] == [sample.sample_id for sample in SAMPLES]
    assert {name: of["num_questions"] for name, of in metrics.items()} == {"mqa": 5, "head": 3}
    assert read_json(run.folder / "metrics.json") == metrics
    assert Clips.num_loaded == 8


def test_a_stopped_run_goes_on_where_it_was(run, monkeypatch):
    monkeypatch.setattr(Clips, "broken", {"mqa/3"})
    with pytest.raises(VideoError, match="mqa/3"):
        evaluate(run)
    assert not (run.folder / "metrics.json").exists()
    monkeypatch.setattr(Clips, "broken", set())
    monkeypatch.setattr(Clips, "num_loaded", 0)
    evaluate(run)
    assert Clips.num_loaded == 3 + 3
    whole = dataclasses.replace(run, folder=run.folder / "whole")
    evaluate(whole)
    assert read_all(run) == read_all(whole)


@pytest.mark.parametrize("num_own", [0, 1, 2, 4])
def test_the_answer_of_a_stand_in_is_thrown_away(run, num_own):
    share = Share([*SAMPLES[:num_own], SAMPLES[0]], num_own)
    batches = list(runner._answer(run, "mqa", share))
    assert [row.sample_id for rows in batches for row in rows] == [sample.sample_id for sample in SAMPLES[:num_own]]
    # It was asked all the same.
    assert len(batches) == num_own // 2 + 1
