import dataclasses

import pytest
import torch

from llavaction.evaluation import runner
from llavaction.evaluation.answering import Answerer
from llavaction.evaluation.clips import Loaded
from llavaction.evaluation.config import BadVideo, EvaluationConfig, MqaMode, OptionOrder, TaskConfig, TaskName
from llavaction.evaluation.predictions import read_rows
from llavaction.evaluation.runner import EvaluationRun, evaluate
from llavaction.evaluation.schedule import Schedule
from llavaction.testing.tiny import tiny_model, tiny_processor
from llavaction.utils.errors import VideoError
from llavaction.utils.jsonl import read_json, write_json
from llavaction.video.layout import VideoConfig
from tests.evaluation.test_tasks import CLASSES, MANIFEST, SAMPLE

SAMPLES = [dataclasses.replace(SAMPLE, sample_id=f"mqa/{i}", segment_id=str(i)) for i in range(5)]


class Clips(torch.utils.data.Dataset):
    """Noise instead of videos; a sample named in `broken` has none."""

    broken: frozenset[str] = frozenset()
    num_loaded = 0

    def __init__(self, samples, video, processor, bad, num_frames):
        self.samples = samples
        self.bad = bad

    def __len__(self):
        return len(self.samples)

    def __getitem__(self, item):
        Clips.num_loaded += 1
        sample_id = self.samples[item].sample_id
        if sample_id in self.broken:
            if self.bad is BadVideo.FAIL:
                raise VideoError(f"sample {sample_id!r}: broken")
            return Loaded(torch.zeros(2, 3, 12, 12), "broken", 0.5)
        pixels = torch.rand(2, 3, 12, 12, generator=torch.Generator().manual_seed(int(sample_id[-1])))
        return Loaded(pixels, None, 0.5)


@pytest.fixture
def run(tmp_path, monkeypatch):
    monkeypatch.setattr(runner, "ClipDataset", Clips)
    monkeypatch.setattr(Clips, "num_loaded", 0)
    model = tiny_model()
    samples = str(tmp_path / "samples" / "mqa.jsonl")
    write_json(tmp_path / "samples" / "manifest.json", MANIFEST)
    tasks = {"mqa": TaskConfig(samples=samples), "head": TaskConfig(TaskName.ACTION_HEAD, samples)}
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


def test_each_row_tells_its_time_which_makes_no_difference(run):
    evaluate(run)
    (row, *_) = read_all(run)["mqa"]
    assert row.seconds["load"] == 0.5 and row.seconds["encode"] > 0 and row.seconds["answer"] > 0
    assert row == dataclasses.replace(row, seconds={})


def test_a_question_without_a_video_is_reported(run, monkeypatch):
    monkeypatch.setattr(Clips, "broken", {"mqa/3", "mqa/0"})
    config = dataclasses.replace(run.evaluation, bad_video=BadVideo.EXCLUDE)
    metrics = evaluate(dataclasses.replace(run, evaluation=config))
    assert {name: (of["num_questions"], of["num_excluded"]) for name, of in metrics.items()} == {
        "mqa": (3, 2),
        "head": (2, 1),
    }
    rows = read_all(run)["mqa"]
    assert [row.sample_id for row in rows if row.excluded == "broken"] == ["mqa/0", "mqa/3"]
    assert all(row.chosen_idx is None and not row.scores for row in rows if row.excluded)
    # The others are what they are without the broken ones.
    monkeypatch.setattr(Clips, "broken", set())
    evaluate(dataclasses.replace(run, folder=run.folder / "whole"))
    whole = read_rows(run.folder / "whole" / "rows" / "mqa.jsonl")
    for row, other in zip(rows, whole, strict=True):
        assert row.excluded or row.scores == pytest.approx(other.scores, abs=1e-4)


@pytest.mark.parametrize("num_own", [0, 1, 2, 4])
def test_the_answer_of_a_stand_in_is_thrown_away(run, num_own):
    shown = [*SAMPLES[:num_own], SAMPLES[0]]
    schedule = Schedule(
        shown, num_own, [list(range(len(shown)))[start : start + 2] for start in (0, 2, 4)][: num_own // 2 + 1]
    )
    batches = list(runner._answer(run, runner._exam(run, "mqa", {}), schedule))
    assert [row.sample_id for rows in batches for row in rows] == [sample.sample_id for sample in SAMPLES[:num_own]]
    # It was asked all the same.
    assert len(batches) == num_own // 2 + 1


@pytest.mark.parametrize("order", ["given", "shuffled", "cyclic"])
@pytest.mark.parametrize("mode", ["option", "text", "letter"])
def test_rows_do_not_depend_on_the_batch_size(run, order, mode):
    rows = []
    for batch_size in (1, 8):
        tasks = {
            "mqa": TaskConfig(mode=MqaMode(mode), order=OptionOrder(order), samples=run.evaluation.tasks["mqa"].samples)
        }
        config = EvaluationConfig(tasks, batch_size=batch_size, num_workers=0)
        one = dataclasses.replace(
            run, folder=run.folder / str(batch_size), evaluation=config, questions={"mqa": run.questions["mqa"]}
        )
        evaluate(one)
        rows.append(read_rows(one.folder / "rows" / "mqa.jsonl"))
    for row, other in zip(*rows, strict=True):
        assert row.scores == pytest.approx(other.scores, abs=1e-4)
        assert (row.chosen_idx, [trial.order for trial in row.trials]) == (
            other.chosen_idx,
            [trial.order for trial in other.trials],
        )
