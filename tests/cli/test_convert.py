"""`llavaction convert`, and public checkpoints where other commands are given one."""

from __future__ import annotations

import shutil
from pathlib import Path
from types import SimpleNamespace

import pytest
from huggingface_hub import constants

from llavaction.cli import checkpoints, train
from llavaction.cli.checkpoints import usable_checkpoint
from llavaction.cli.main import USER_ERROR, main
from llavaction.config.compose import compose_config
from llavaction.evaluation.answering import Answerer
from llavaction.model.build import load_model
from llavaction.model.checkpoints import CheckpointFormat, format_of
from llavaction.model.config import ActionSupervision, ModelConfig, NewlinePosition, SupervisedLayers
from llavaction.processing.processor import Processor
from llavaction.sft.classes import ClassTable
from llavaction.utils.errors import CheckpointError, ConfigError
from llavaction.utils.jsonl import read_json
from tests.model.public_folders import (
    CLASSES,
    change_weights,
    same_bytes,
    weights_of,
    write_ours,
    write_public,
    write_public_start,
)

pytestmark = pytest.mark.thorough


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The place of conversions that nobody asked for by name."""
    monkeypatch.setattr(constants, "HF_HOME", str(tmp_path / "hf"))
    return tmp_path / "hf" / "llavaction"


def test_the_command_writes_a_whole_checkpoint_and_says_what_it_did(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    source, output = write_public_start(tmp_path / "public"), tmp_path / "new" / "ours"
    CLASSES.save(tmp_path)
    words = [f"source={source}", f"output={output}", f"classes={tmp_path}", "supervision=one_token", "num_frames=4"]
    assert main(["convert", *words]) == 0
    printed = capsys.readouterr().out.splitlines()
    printed = printed[printed.index(f"{source} -> {output} (ours format)") :]
    num_parameters = sum(weight.numel() for weight in weights_of(output).values())
    assert printed[1] == f"  {len(weights_of(output))} tensors, {num_parameters:,} parameters, float32"
    assert printed[2] == "  not in the source, made: action_token.embedding and 3 more"
    assert printed[3].startswith("  of no use here, kept aside: model.vision_tower") and len(printed) == 4
    model = load_model(output, dtype="bfloat16", attention="eager")
    processor = Processor.load(output)
    assert processor.config.layout == model.config.token_layout and processor.config.num_frames == 4
    assert ClassTable.load(output) == CLASSES
    assert model.generation_config.eos_token_id == processor.tokenizer.eos_token_id
    record = read_json(output / "run.json")
    assert record["command"] == "convert" and record["report"]["made"][0] == "action_token.embedding"
    assert [path.name for path in output.parent.iterdir()] == ["ours"]


def test_shards_and_words(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    source, output = write_ours(tmp_path / "ours"), tmp_path / "public"
    assert main(["convert", f"source={source}", f"output={output}", "to=public", "max_shard_gb=0.00004"]) == 0
    assert len(list(output.glob("model-*-of-*.safetensors"))) > 3
    assert main(["convert", f"source={output}", f"output={tmp_path / 'again'}"]) == 0
    assert "without classes=FOLDER" in capsys.readouterr().out
    assert same_bytes(weights_of(source), weights_of(tmp_path / "again"))


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["to=ours"], "is in ours format already"),
        (["to=theirs"], "theirs"),
        (["newline=grid"], "are of our format; leave them out"),
        (["supervised_layers=all_layers"], "set supervision too"),
        (["num_frames=0"], "num_frames = 0: must be 1 or more"),
        (["max_shard_gb=0"], "max_shard_gb = 0.0: must be above 0"),
        (["dtype=int8"], "int8"),
        (["source=no/such/place/here"], "no/such/place/here: no such folder"),
        (["tokenizer=."], "no tokenizer; set tokenizer=FOLDER"),
    ],
)
def test_mistakes_are_one_line(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], words: list[str], message: str
) -> None:
    source = write_ours(tmp_path / "ours")
    assert main(["convert", f"source={source}", f"output={tmp_path / 'out'}", *words]) == USER_ERROR
    assert message in capsys.readouterr().err
    assert [path.name for path in tmp_path.iterdir()] == ["ours"]


def test_nothing_is_overwritten_without_being_asked(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    source, output = write_public(tmp_path / "public"), tmp_path / "ours"
    words = ["convert", f"source={source}", f"output={output}"]
    assert main(words) == 0
    before = weights_of(output)
    assert main(words) == USER_ERROR and "exists; choose another folder" in capsys.readouterr().err
    change_weights(source, **{"model.image_newline": before["newline"] + 1})
    assert main([*words, "overwrite=true"]) == 0
    assert not same_bytes(before, weights_of(output))
    # A folder that is no checkpoint, and the source itself, are not replaced in any case.
    (tmp_path / "photos").mkdir()
    for other in (tmp_path / "photos", source, tmp_path):
        assert main([words[0], words[1], f"output={other}", "overwrite=true"]) == USER_ERROR
        assert "is no checkpoint that can be replaced" in capsys.readouterr().err


def test_a_failed_overwrite_leaves_the_old_folder(tmp_path: Path) -> None:
    source, output = write_public(tmp_path / "public"), tmp_path / "ours"
    words = ["convert", f"source={source}", f"output={output}"]
    assert main(words) == 0
    before = weights_of(output)
    change_weights(source, **{"model.image_newline": None})
    assert main([*words, "overwrite=true"]) == USER_ERROR
    assert same_bytes(before, weights_of(output))
    assert sorted(path.name for path in tmp_path.iterdir()) == ["ours", "public"]


@pytest.mark.parametrize("file", ["tokenizer.json", "tokenizer_config.json"])
def test_the_tokenizer_keeps_its_bytes(tmp_path: Path, file: str) -> None:
    source = write_public(tmp_path / "public")
    (source / file).write_text((source / file).read_text() + "\n")
    assert main(["convert", f"source={source}", f"output={tmp_path / 'ours'}"]) == 0
    assert main(["convert", f"source={tmp_path / 'ours'}", f"output={tmp_path / 'back'}"]) == 0
    assert (source / file).read_bytes() == (tmp_path / "back" / file).read_bytes()


def test_a_checkpoint_of_ours_is_used_where_it_is(tmp_path: Path, cache: Path) -> None:
    source = write_ours(tmp_path / "ours")
    assert usable_checkpoint(str(source), CLASSES) == source
    (tmp_path / "adapter").mkdir()
    assert usable_checkpoint(str(tmp_path / "adapter")) == tmp_path / "adapter"
    assert not cache.exists()


def test_a_public_checkpoint_is_converted_once(tmp_path: Path, cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    source = write_public(tmp_path / "public")
    first = usable_checkpoint(str(source))
    assert first.parent == cache and format_of(first) is CheckpointFormat.OURS
    with monkeypatch.context() as patch:
        patch.setattr(checkpoints, "convert_checkpoint", None)
        assert usable_checkpoint(str(source)) == first
    change_weights(source, **{"model.image_newline": weights_of(first)["newline"] + 1})
    assert usable_checkpoint(str(source)) != first


def test_classes_come_beside_the_same_weights(tmp_path: Path) -> None:
    source = write_public(tmp_path / "public")
    plain, known = usable_checkpoint(str(source)), usable_checkpoint(str(source), CLASSES)
    assert ClassTable.load(plain).actions == () and ClassTable.load(known) == CLASSES
    assert (known / "model.safetensors").samefile(plain / "model.safetensors")
    assert usable_checkpoint(str(source), CLASSES) == known
    assert load_model(known, dtype="float32", attention="sdpa").config.num_actions == 6
    with pytest.raises(ConfigError, match=r"its heads tell \(4, 5, 6\) .* the samples have \(1, 1, 1\)"):
        usable_checkpoint(str(source), ClassTable(("a",), ("b",), ("0:0",), {}))


def test_training_adds_the_action_token_that_it_is_asked_for(tmp_path: Path) -> None:
    source = write_public_start(tmp_path / "public")
    three = ModelConfig(
        supervision=ActionSupervision.THREE_TOKENS,
        supervised_layers=SupervisedLayers.ALL_LAYERS,
        newline=NewlinePosition.FRAME,
    )
    config = load_model(usable_checkpoint(str(source), CLASSES, three), dtype="float32", attention="sdpa").config
    assert (config.supervision, config.supervised_layers) == ("three_tokens", "all_layers")
    assert config.newline == "grid"  # as the checkpoint was trained
    none = usable_checkpoint(str(source), CLASSES, ModelConfig(supervision=ActionSupervision.NONE))
    assert none == usable_checkpoint(str(source), CLASSES)
    # What a checkpoint has is left alone.
    trained = usable_checkpoint(str(write_public(tmp_path / "trained")), CLASSES, three)
    assert read_json(trained / "config.json")["supervision"] == "one_token"


def test_train_and_evaluate_and_ask_take_public_checkpoints(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    source, seen = write_public(tmp_path / "public"), []
    mixture = SimpleNamespace(samples=[], times={}, classes=CLASSES, hashes={}, counts={}, dropped={}, media_folders={})
    monkeypatch.setattr(train, "load_mixture", lambda config, seed: mixture)
    monkeypatch.setattr("llavaction.training.run.train", lambda run: seen.append(Path(run.model.checkpoint)))
    words = [f"model.checkpoint={source}", f"paths.sft={tmp_path}", "paths.videos=x", f"output={tmp_path / 'run'}"]
    train.run(compose_config("train", words))

    def load(folder: Path, **options: object) -> None:
        seen.append(folder)
        raise CheckpointError("far enough")

    monkeypatch.setattr(Answerer, "load", load)
    CLASSES.save(tmp_path)
    assert main(["evaluate", *words[:3], f"output={tmp_path / 'rows'}"]) == USER_ERROR
    assert main(["ask", "--video", "x.mp4", words[0]]) == USER_ERROR
    assert [format_of(folder) for folder in seen] == [CheckpointFormat.OURS] * 3
    assert [ClassTable.load(folder) == CLASSES for folder in seen] == [True, True, False]


def test_hub_ids(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
    words = ["convert", "source=lmms-lab/LLaVA-Video-7B-Qwen2", f"output={tmp_path / 'ours'}"]
    assert main(words) == USER_ERROR
    error = capsys.readouterr().err
    assert error.count("\n") == 1 and "the hub does not give it" in error and "offline" in error.lower()
    snapshot = write_public(tmp_path / "snapshot")
    monkeypatch.setattr("huggingface_hub.snapshot_download", lambda name, allow_patterns: str(snapshot))
    assert main(words) == 0
    assert usable_checkpoint("lmms-lab/LLaVA-Video-7B-Qwen2").name.startswith("lmms-lab--LLaVA-Video-7B-Qwen2-")
    shutil.rmtree(snapshot)
    monkeypatch.setattr("huggingface_hub.snapshot_download", lambda name, allow_patterns: str(tmp_path))
    assert main(["convert", "source=owner/empty", f"output={tmp_path / 'other'}"]) == USER_ERROR
    assert "no checkpoint (no config.json)" in capsys.readouterr().err
