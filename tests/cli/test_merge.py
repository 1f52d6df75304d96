"""`llavaction merge`: a plain checkpoint out of an adapter and its base."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest
import torch

from llavaction.cli.main import USER_ERROR, main
from llavaction.model.build import load_model
from llavaction.model.lora.adapted import WEIGHTS_FILE, add_lora
from llavaction.model.lora.base import Base, is_adapter
from llavaction.model.lora.config import LoraConfig, LoraTargets
from llavaction.processing.processor import Processor
from llavaction.sft.classes import ClassTable
from llavaction.testing.tiny import tiny_model, tiny_processor
from llavaction.utils.hashing import file_sha256

pytestmark = pytest.mark.thorough

CLASSES = ClassTable(("take",), ("cup",), ("take:cup",), {"take cup": "take:cup"})


@pytest.fixture(scope="module")
def adapter(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of an adapter that changes its base, which lies beside it and is saved in bfloat16."""
    folder = tmp_path_factory.mktemp("run")
    tiny_model().bfloat16().save_pretrained(folder / "base")
    base = load_model(folder / "base", dtype="bfloat16", attention="sdpa")
    model = add_lora(base, LoraConfig(LoraTargets.DECODER, rank=2, alpha=4), Base.of(folder / "base"), seed=0)
    for name, weight in model.named_parameters():
        if "lora_B" in name:
            torch.nn.init.normal_(weight)
    model.save_pretrained(folder / "adapter")
    tiny_processor(tiny_model()).save(folder / "adapter")
    CLASSES.save(folder / "adapter")
    return folder / "adapter"


@pytest.mark.parametrize(("words", "dtype"), [([], torch.bfloat16), (["dtype=float32"], torch.float32)])
def test_the_merged_checkpoint_stands_alone(
    adapter: Path, tmp_path: Path, words: list[str], dtype: torch.dtype
) -> None:
    output = tmp_path / "merged"
    assert main(["merge", f"checkpoint={adapter}", f"output={output}", *words]) == 0

    assert not is_adapter(output) and not (tmp_path / "merged.partial").exists()
    expected = load_model(adapter, dtype=str(dtype).removeprefix("torch."), attention="sdpa")
    weights = dict(expected.named_parameters())
    merged = load_model(output, dtype="auto", attention="sdpa")
    assert merged.dtype is dtype
    for name, weight in merged.named_parameters():
        assert torch.equal(weight, weights[name]), name
    assert not torch.equal(weights["decoder.layers.0.mlp.up_proj.weight"].float(), base_layer(adapter))
    assert ClassTable.load(output) == CLASSES
    assert Processor.load(output).config == Processor.load(adapter).config
    record = json.loads((output / "run.json").read_text())
    assert record["command"] == "merge"
    assert record["data_sha256"] == {WEIGHTS_FILE: file_sha256(adapter / WEIGHTS_FILE)}


def base_layer(adapter: Path) -> torch.Tensor:
    base = load_model(adapter.with_name("base"), dtype="float32", attention="sdpa")
    weight: torch.Tensor = base.decoder.layers[0].mlp.up_proj.weight
    return weight


def test_a_base_elsewhere(adapter: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run = shutil.copytree(adapter.parent, tmp_path / "run")
    (run / "adapter" / "base.json").write_text((adapter / "base.json").read_text().replace("base", "gone", 1))
    words = ["merge", f"checkpoint={run / 'adapter'}", f"output={tmp_path / 'merged'}"]

    assert main([*words, f"base={run / 'base'}"]) == 0
    shutil.rmtree(tmp_path / "merged")
    (run / "base" / "model.safetensors").unlink()
    assert main([*words, f"base={run / 'base'}"]) == USER_ERROR
    assert "are not those that it was trained on" in capsys.readouterr().err.replace("\n", " ")


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"output": "{folder}/base"}, "exists; choose another folder"),
        ({"checkpoint": "{folder}/base"}, "holds no adapter"),
        ({"dtype": "int8"}, "must be auto, float32"),
    ],
)
def test_refusals(
    adapter: Path, tmp_path: Path, changes: dict[str, str], message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    words = {"checkpoint": str(adapter), "output": str(tmp_path / "merged"), **changes}
    given = [f"{key}={word.format(folder=adapter.parent)}" for key, word in words.items()]

    assert main(["merge", *given]) == USER_ERROR
    assert message in capsys.readouterr().err
    assert not (tmp_path / "merged").exists()
