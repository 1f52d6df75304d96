"""Weights on disk: shards, damage, and files that are not what they say."""

from __future__ import annotations

import pickle
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file

from llavaction.model.public.tensors import LazyTensor, read_tensors, write_tensors
from llavaction.utils.errors import CheckpointError
from llavaction.utils.jsonl import read_json, write_json

WEIGHTS = {"a": torch.arange(6.0).reshape(2, 3), "b": torch.ones(5, dtype=torch.bfloat16), "c": torch.zeros(1000)}
INDEX = "model.safetensors.index.json"


def lazy(weights: dict[str, torch.Tensor]) -> list[LazyTensor]:
    return [LazyTensor.of(name, tensor) for name, tensor in weights.items()]


def loaded(folder: Path) -> dict[str, torch.Tensor]:
    return {name: tensor.load() for name, tensor in read_tensors(folder).items()}


def write_shards(folder: Path) -> Path:
    write_tensors(folder, lazy(WEIGHTS), max_shard_bytes=40)
    return folder


def test_one_file(tmp_path: Path) -> None:
    write_tensors(tmp_path, lazy(WEIGHTS), max_shard_bytes=10**6)
    assert [path.name for path in tmp_path.iterdir()] == ["model.safetensors"]
    found = read_tensors(tmp_path)
    assert [(found[n].shape, found[n].dtype) for n in WEIGHTS] == [(tuple(t.shape), t.dtype) for t in WEIGHTS.values()]
    assert all(torch.equal(tensor, WEIGHTS[name]) for name, tensor in loaded(tmp_path).items())


def test_shards_hold_no_more_than_asked_unless_a_tensor_alone_does(tmp_path: Path) -> None:
    write_shards(tmp_path)
    index = read_json(tmp_path / INDEX)
    assert index["metadata"]["total_size"] == 24 + 10 + 4000
    assert index["weight_map"] == {
        "a": "model-00001-of-00002.safetensors",
        "b": "model-00001-of-00002.safetensors",
        "c": "model-00002-of-00002.safetensors",
    }
    assert {name: tensor.tolist() for name, tensor in loaded(tmp_path).items()} == {
        name: tensor.tolist() for name, tensor in WEIGHTS.items()
    }


def test_tensors_are_read_one_at_a_time(tmp_path: Path) -> None:
    def refuse() -> torch.Tensor:
        raise AssertionError("read too early")

    write_shards(tmp_path)
    assert read_tensors(tmp_path)["c"].num_bytes == 4000
    tensor = LazyTensor("x", (4, 2), torch.float32, refuse)
    assert tensor.cast(torch.bfloat16).with_rows(6).renamed("y").num_bytes == 24


def test_rows_are_added_and_taken() -> None:
    tensor = LazyTensor.of("a", WEIGHTS["a"])
    assert tensor.with_rows(3).load().tolist() == [[0, 1, 2], [3, 4, 5], [0, 0, 0]]
    assert tensor.with_rows(1).load().tolist() == [[0, 1, 2]]
    assert tensor.with_rows(2) is tensor


def test_a_truncated_file(tmp_path: Path) -> None:
    path = tmp_path / "model.safetensors"
    save_file(WEIGHTS, path)
    path.write_bytes(path.read_bytes()[:-100])
    with pytest.raises(CheckpointError, match=r"model\.safetensors: not a whole safetensors file"):
        read_tensors(tmp_path)


@pytest.mark.parametrize("place", ["../outside.safetensors", "/etc/passwd", "sub/model.safetensors", ".."])
def test_an_index_does_not_lead_out_of_the_folder(tmp_path: Path, place: str) -> None:
    folder = tmp_path / "inside"
    folder.mkdir()
    save_file(WEIGHTS, tmp_path / "outside.safetensors")
    write_json(folder / INDEX, {"weight_map": {"a": place}})
    with pytest.raises(CheckpointError, match="is not a plain file name; it would leave"):
        read_tensors(folder)


@pytest.mark.parametrize(
    ("entries", "message"),
    [
        ({"c": "model-00003-of-00003.safetensors"}, "1 of 2 files are missing"),
        ({"d": "model-00001-of-00002.safetensors"}, r"1 entries differ .* \(first: d in"),
        ({"c": "model-00001-of-00002.safetensors"}, r"[12] entries differ .* \(first: c in"),
        ({"c": 7}, "no weight_map from names to files"),
    ],
)
def test_an_index_says_what_is_there(tmp_path: Path, entries: dict, message: str) -> None:
    places = read_json(write_shards(tmp_path) / INDEX)["weight_map"]
    write_json(tmp_path / INDEX, {"weight_map": {**places, **entries}})
    with pytest.raises(CheckpointError, match=message):
        read_tensors(tmp_path)


def test_a_folder_without_weights(tmp_path: Path) -> None:
    with pytest.raises(CheckpointError, match="no weights"):
        read_tensors(tmp_path)


def test_other_number_formats_are_refused(tmp_path: Path) -> None:
    save_file({"a": torch.zeros(2).to(torch.float8_e4m3fn)}, tmp_path / "model.safetensors")
    with pytest.raises(CheckpointError, match="a is of type F8_E4M3"):
        read_tensors(tmp_path)


def test_pickled_tensors_are_read_and_nothing_else(tmp_path: Path) -> None:
    path = tmp_path / "pytorch_model.bin"
    torch.save(WEIGHTS, path)
    assert all(torch.equal(tensor, WEIGHTS[name]) for name, tensor in loaded(tmp_path).items())
    torch.save({"a": WEIGHTS["a"], "epoch": 3}, path)
    with pytest.raises(CheckpointError, match="holds more than tensors"):
        read_tensors(tmp_path)
    path.write_bytes(pickle.dumps({"a": Path("x")}))
    with pytest.raises(CheckpointError, match="not a file of tensors alone"):
        read_tensors(tmp_path)
    path.write_bytes(b"nonsense")
    with pytest.raises(CheckpointError, match="not a file of tensors alone"):
        read_tensors(tmp_path)


def test_pickled_shards(tmp_path: Path) -> None:
    torch.save({"a": WEIGHTS["a"]}, tmp_path / "first.bin")
    torch.save({"b": WEIGHTS["b"]}, tmp_path / "second.bin")
    write_json(tmp_path / "pytorch_model.bin.index.json", {"weight_map": {"a": "first.bin", "b": "second.bin"}})
    assert loaded(tmp_path).keys() == {"a", "b"}


def test_a_full_disk_is_noticed_before_anything_is_written(tmp_path: Path) -> None:
    huge = LazyTensor("a", (10**9, 10**6), torch.float32, lambda: torch.zeros(1))
    with pytest.raises(CheckpointError, match="the weights need 4,000,000,000,000,000 bytes"):
        write_tensors(tmp_path, [huge], max_shard_bytes=10**9)
    assert list(tmp_path.iterdir()) == []


def test_files_say_that_they_are_torch_s(tmp_path: Path) -> None:
    from safetensors import safe_open

    write_tensors(tmp_path, lazy(WEIGHTS), max_shard_bytes=10**6)
    with safe_open(tmp_path / "model.safetensors", framework="pt") as file:
        assert file.metadata() == {"format": "pt"}
    assert load_file(tmp_path / "model.safetensors").keys() == WEIGHTS.keys()
