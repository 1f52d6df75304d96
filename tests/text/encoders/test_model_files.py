from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import pytest

from llavaction.text.encoders.base import Pooling
from llavaction.text.encoders.model_files import ModelFiles, find_model
from llavaction.utils.errors import ConfigError


def write_model(folder: Path, weights: bytes = b"weights") -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "config.json").write_text("{}", encoding="utf-8")
    (folder / "model.safetensors").write_bytes(weights)
    return folder


def write_pooling(folder: Path, config: dict[str, Any]) -> None:
    (folder / "1_Pooling").mkdir(exist_ok=True)
    (folder / "1_Pooling" / "config.json").write_text(json.dumps(config), encoding="utf-8")


def test_a_folder_is_named_after_itself(tmp_path: Path) -> None:
    assert find_model(str(write_model(tmp_path / "my_model"))) == ModelFiles("my_model", tmp_path / "my_model")


def test_the_name_tells_weights_apart_and_not_places(tmp_path: Path) -> None:
    first = find_model(str(write_model(tmp_path / "a" / "model")))
    second = find_model(str(write_model(tmp_path / "b" / "model")))
    assert first.name == second.name
    assert first.name.startswith("model sha256:")
    assert len(first.name) == len("model sha256:") + 16
    (second.folder / "README.md").write_text("words", encoding="utf-8")
    assert first.name == second.name
    write_model(second.folder, b"other weights")
    assert first.name != second.name
    write_model(second.folder)
    write_pooling(second.folder, {"pooling_mode_cls_token": True})
    assert first.name != second.name


def test_a_package_is_searched_without_running_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    package = tmp_path / "carried_model"
    inner = write_model(package / "model")
    # The pooling's folder has a config.json too, but no weights.
    write_pooling(inner, {"pooling_mode_mean_tokens": True})
    (package / "__init__.py").write_text("raise RuntimeError('was run')", encoding="utf-8")
    monkeypatch.syspath_prepend(str(tmp_path))
    assert find_model("package:carried_model") == ModelFiles("carried_model", inner)
    assert "carried_model" not in sys.modules
    write_model(package / "other")
    with pytest.raises(ConfigError, match=r"expected one folder .* found 2"):
        find_model("package:carried_model")


@pytest.mark.parametrize(
    ("model", "message"),
    [
        ("package:no_such_package", r"no such Python package is installed; try `pip install no-such-package`"),
        ("package:os.path", "no such Python package"),
        ("package:json", "expected one folder .* found 0"),
        ("./no/such/folder", r"encoder\.model=\./no/such/folder: no such folder"),
        ("not a hub id!", "neither a folder nor to be had from the hub"),
    ],
)
def test_what_is_not_there_is_an_error(model: str, message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        find_model(model)


def test_a_folder_without_weights_is_an_error(tmp_path: Path) -> None:
    (write_model(tmp_path) / "model.safetensors").unlink()
    with pytest.raises(ConfigError, match=r"no config\.json beside \*\.safetensors weights"):
        find_model(str(tmp_path))


@pytest.mark.parametrize(
    ("config", "pooling"),
    [
        ({"pooling_mode_cls_token": False, "pooling_mode_mean_tokens": True, "include_prompt": True}, Pooling.MEAN),
        ({"pooling_mode_cls_token": True, "pooling_mode_mean_tokens": False}, Pooling.CLS),
        ({"pooling_mode": "cls"}, Pooling.CLS),
    ],
)
def test_the_models_own_pooling(tmp_path: Path, config: dict[str, Any], pooling: Pooling) -> None:
    write_pooling(tmp_path, config)
    assert ModelFiles("model", tmp_path).pooling() is pooling


def test_mean_is_the_pooling_of_models_that_name_none(tmp_path: Path) -> None:
    assert ModelFiles("model", tmp_path).pooling() is Pooling.MEAN


@pytest.mark.parametrize(
    "config",
    [
        {"pooling_mode_max_tokens": True},
        {"pooling_mode_mean_tokens": True, "pooling_mode_max_tokens": True},
        {"pooling_mode_mean_tokens": True, "pooling_mode_cls_token": True},
        {"pooling_mode": "lasttoken"},
        {},
    ],
)
def test_other_poolings_are_refused(tmp_path: Path, config: dict[str, Any]) -> None:
    write_pooling(tmp_path, config)
    with pytest.raises(ConfigError, match="neither mean nor cls alone"):
        ModelFiles("model", tmp_path).pooling()


def test_steps_that_would_be_left_out_are_refused(tmp_path: Path) -> None:
    files = ModelFiles("model", tmp_path)
    files.check_steps()
    types = ["sentence_transformers.models.Transformer", "sentence_transformers.models.Pooling"]
    path = tmp_path / "modules.json"
    path.write_text(json.dumps([{"type": name} for name in types]), encoding="utf-8")
    files.check_steps()
    path.write_text(json.dumps([{"type": name} for name in [*types, "sentence_transformers.models.Dense"]]), "utf-8")
    with pytest.raises(ConfigError, match=r"steps that are not run here: \['Dense'\]"):
        files.check_steps()
