"""`llavaction attention` from a checkpoint and clips to figures, as a person would use it."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from llavaction.cli.main import USER_ERROR, main
from llavaction.model.build import load_model
from llavaction.model.config import ActionSupervision
from llavaction.model.lora.adapted import WEIGHTS_FILE, add_lora
from llavaction.model.lora.base import Base
from llavaction.model.lora.config import LoraConfig, LoraTargets
from llavaction.sft.classes import ClassTable
from llavaction.sft.samples import write_samples
from llavaction.testing.tiny import tiny_model, tiny_processor
from llavaction.utils.hashing import file_sha256
from tests.reports.conftest import question, videos  # noqa: F401 - a fixture

pytestmark = pytest.mark.thorough

CLASSES = ClassTable(("take",), ("cup",), ("take:cup",), {"take cup": "take:cup"})
SAMPLES = [question(number, ["take plate", "open tap"], number % 2) for number in range(4)]


@pytest.fixture(scope="module")
def checkpoints(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Folders of tiny models: `token` and `bare`, which differ in the action token."""
    folder = tmp_path_factory.mktemp("checkpoints")
    for name, supervision in (("token", ActionSupervision.ONE_TOKEN), ("bare", ActionSupervision.NONE)):
        model = tiny_model(supervision=supervision)
        model.save_pretrained(folder / name)
        tiny_processor(model).save(folder / name)
        CLASSES.save(folder / name)
    return folder


@pytest.fixture
def run(checkpoints: Path, videos: Path, tmp_path: Path) -> Callable[..., int]:  # noqa: F811
    """Runs the command on all samples; returns the exit code."""
    write_samples(tmp_path / "mqa.jsonl", SAMPLES)

    def start(*overrides: str, samples: bool = True) -> int:
        words = [f"model.checkpoint={checkpoints / 'token'}", f"output={tmp_path / 'out'}"]
        words += [f"paths.videos={videos}", "video.chunk_s=2.0", "max_new_tokens=4"]
        if samples:
            words.append(f"samples={tmp_path / 'mqa.jsonl'}")
        return main(["attention", *words, *overrides])

    return start


def result_of(folder: Path) -> dict[str, Any]:
    result: dict[str, Any] = json.loads((folder / "out" / "attention.json").read_text(encoding="utf-8"))
    return result


def test_several_questions_and_another_checkpoint(
    run: Callable[..., int], checkpoints: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(f"other={checkpoints / 'bare'}", "num_heatmaps=2") == 0

    output = tmp_path / "out"
    assert {path.name for path in output.iterdir()} == {
        *("attention.json", "attention.md", "shares.png", "heatmap.png", "maps.npz"),
        *("config.yaml", "run.json", "log.txt"),
    }
    result = result_of(tmp_path)
    assert (result["num_questions"], result["num_videos"]) == (4, 1)
    assert list(result["runs"]) == ["as_trained", "action_token_left_out", "other"]
    assert [one["question_id"] for one in result["questions"]] == [sample.sample_id for sample in SAMPLES]
    for run_name, seen in result["runs"].items():
        layers = zip(*(share["value"] for share in seen["attention"]["answer"]["shares"].values()), strict=True)
        assert [sum(layer) for layer in layers] == pytest.approx([1, 1])
        assert ("action_token" in seen["attention"]) == (run_name == "as_trained")
    with np.load(output / "maps.npz", allow_pickle=False) as maps:
        assert {name.rsplit("/", 2)[0] for name in maps} == {"q/0", "q/1"}
        assert {array.shape for array in maps.values()} == {(2, 2, 2, 2)}
    assert "Attention from the answer" in capsys.readouterr().out
    assert "looking into all 4 questions; 20 were asked for" in (output / "log.txt").read_text()
    record = json.loads((output / "run.json").read_text())
    weights = checkpoints / "bare" / "model.safetensors"
    assert record["command"] == "attention"
    assert record["data_sha256"][str(weights)] == file_sha256(weights)
    assert set(record["data_sha256"]) == {
        *(str(checkpoints / name / "model.safetensors") for name in ("token", "bare")),
        str(tmp_path / "mqa.jsonl"),
    }


def test_the_same_command_gives_the_same_figures(run: Callable[..., int], tmp_path: Path) -> None:
    assert run("num_samples=2") == 0
    names = ("attention.json", "attention.md", "shares.png", "heatmap.png")
    first = {name: (tmp_path / "out" / name).read_bytes() for name in names}
    shutil.rmtree(tmp_path / "out")
    assert run("num_samples=2") == 0
    assert {name: (tmp_path / "out" / name).read_bytes() for name in names} == first


def test_a_video_file_and_a_given_answer(
    run: Callable[..., int],
    videos: Path,  # noqa: F811
    tmp_path: Path,
) -> None:
    file = videos / "P01" / "P01_01.MP4" / "0.MP4"
    words = [f"file={file}", "start_s=0.5", "stop_s=1.5", "answer=take cup", "question=What am I doing?"]
    assert run(*words, samples=False) == 0

    (one,) = result_of(tmp_path)["questions"]
    assert (one["question_id"], one["question"], one["answer"]) == ("0.MP4", "What am I doing?", "take cup")
    record = json.loads((tmp_path / "out" / "run.json").read_text())
    assert record["data_sha256"][str(file)] == file_sha256(file)


def test_true_answers_are_those_of_the_samples(run: Callable[..., int], tmp_path: Path) -> None:
    assert run("true_answers=true") == 0
    assert [one["answer"] for one in result_of(tmp_path)["questions"]] == [sample.answer for sample in SAMPLES]


def test_both_checkpoints_are_shown_the_same_answer(run: Callable[..., int], checkpoints: Path, tmp_path: Path) -> None:
    assert run("sample_id=q/1", f"other={checkpoints / 'bare'}") == 0
    written = result_of(tmp_path)["questions"][0]["answer"]
    assert f"q/1: the checkpoint answers {written!r}" in (tmp_path / "out" / "log.txt").read_text()

    other = result_of(tmp_path)["questions"][0]["runs"]["other"]
    shutil.rmtree(tmp_path / "out")
    assert run("sample_id=q/1", f"model.checkpoint={checkpoints / 'bare'}", f"answer={written!r}") == 0
    alone = result_of(tmp_path)["questions"][0]["runs"]
    assert alone == {"as_trained": other}


def test_an_adapter_and_samples_in_shards(
    run: Callable[..., int],
    checkpoints: Path,
    videos: Path,  # noqa: F811
    tmp_path: Path,
) -> None:
    base = load_model(checkpoints / "token", dtype="float32", attention="sdpa")
    lora = LoraConfig(LoraTargets.DECODER, rank=2, alpha=4)
    adapter = tmp_path / "adapter"
    add_lora(base, lora, Base.of(checkpoints / "token"), seed=0).save_pretrained(adapter)
    tiny_processor(tiny_model()).save(adapter)
    CLASSES.save(adapter)
    assert run("sample_id=q/0", "true_answers=true") == 0
    expected = result_of(tmp_path)["questions"]
    shard = (tmp_path / "mqa.jsonl").rename(tmp_path / "mqa-00000-of-00001.jsonl")
    words = [f"samples={tmp_path / 'mqa.jsonl'}", f"model.checkpoint={adapter}", f"output={tmp_path / 'out'}"]
    words += ["sample_id=q/0", "true_answers=true", f"paths.videos={videos}", "video.chunk_s=2.0"]
    assert main(["attention", *words]) == 0
    # A new adapter changes nothing.
    assert result_of(tmp_path)["questions"] == expected
    hashes = json.loads((tmp_path / "out" / "run.json").read_text())["data_sha256"]
    assert hashes == {str(path): file_sha256(path) for path in (shard, adapter / WEIGHTS_FILE)}


def test_a_single_checkpoint_without_an_action_token(
    run: Callable[..., int], checkpoints: Path, tmp_path: Path
) -> None:
    assert run("sample_id=q/0", f"model.checkpoint={checkpoints / 'bare'}") == 0
    result = result_of(tmp_path)
    assert list(result["runs"]) == ["as_trained"]
    assert result["differences_from_the_first_run"] == {}


def test_eager_checkpoints_give_the_same(run: Callable[..., int], tmp_path: Path) -> None:
    assert run("sample_id=q/0", "true_answers=true") == 0
    first = result_of(tmp_path)["runs"]["as_trained"]["attention"]["answer"]["heads"]
    assert run("sample_id=q/0", "true_answers=true", "model.attention=eager") == 0
    again = result_of(tmp_path)["runs"]["as_trained"]["attention"]["answer"]["heads"]
    for group, heads in first.items():
        assert np.array(again[group]) == pytest.approx(np.array(heads), abs=1e-5)


@pytest.mark.parametrize(
    ("words", "text"),
    [
        (["sample_id=q/9"], "none of its 4 samples is 'q/9'; did you mean"),
        (["sample_id=q/0", "last_layer=3"], "token has the layers 1 to 2"),
        (["file=a.mkv"], "give samples=FILE.jsonl or file=VIDEO, one of them"),
        (["other=no/such/folder"], "no/such/folder"),
        (["num_sample=3"], "did you mean 'num_samples'?"),
    ],
)
def test_mistakes_are_one_line(
    run: Callable[..., int], words: list[str], text: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(*words) == USER_ERROR
    error = capsys.readouterr().err
    assert error.count("error:") == 1 and text in " ".join(error.split())
    assert not (tmp_path / "out" / "attention.json").exists()


def test_the_checkpoint_itself_is_no_other(
    run: Callable[..., int], checkpoints: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(f"other={checkpoints / 'token'}") == USER_ERROR
    assert "is the checkpoint itself" in capsys.readouterr().err


def test_a_missing_video_names_the_sample(
    run: Callable[..., int], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(f"paths.videos={tmp_path}") == USER_ERROR
    assert "sample 'q/" in capsys.readouterr().err
