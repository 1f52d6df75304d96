"""Weights on disk, read one tensor at a time and written shard by shard: a checkpoint is never in memory as a whole."""

from __future__ import annotations

import shutil
import zipfile
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from pickle import UnpicklingError
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor

from llavaction.utils.errors import CheckpointError, DataError
from llavaction.utils.jsonl import read_json, write_json
from llavaction.utils.paths import inside

WEIGHTS = "model.safetensors"
_PICKLED = "pytorch_model.bin"
_INDEX = ".index.json"

# The names of types in the safetensors format.
_TYPES = {
    "F64": torch.float64,
    "F32": torch.float32,
    "F16": torch.float16,
    "BF16": torch.bfloat16,
    "I64": torch.int64,
    "I32": torch.int32,
}


@dataclass(frozen=True)
class LazyTensor:
    """A tensor that is read when `load` is called."""

    name: str
    shape: tuple[int, ...]
    dtype: torch.dtype
    load: Callable[[], Tensor]

    @property
    def num_elements(self) -> int:
        """Numbers in it."""
        return torch.Size(self.shape).numel()

    @property
    def num_bytes(self) -> int:
        """Its size on disk."""
        return self.num_elements * self.dtype.itemsize

    @classmethod
    def of(cls, name: str, tensor: Tensor) -> LazyTensor:
        """A tensor that is in memory already."""
        return cls(name, tuple(tensor.shape), tensor.dtype, lambda: tensor)

    def renamed(self, name: str) -> LazyTensor:
        """The same numbers under another name."""
        return replace(self, name=name)

    def cast(self, dtype: torch.dtype) -> LazyTensor:
        """The same numbers in another floating-point type; whole numbers stay as they are.

        `load` raises CheckpointError when a number is too large for the type.
        """

        def load() -> Tensor:
            tensor = self.load()
            converted = tensor.to(dtype)
            if dtype == torch.float16 and converted.isinf().sum() > tensor.isinf().sum():
                raise CheckpointError(f"{self.name} holds numbers too large for {dtype}; choose another dtype")
            return converted

        return (
            self if dtype == self.dtype or not self.dtype.is_floating_point else replace(self, dtype=dtype, load=load)
        )

    def with_rows(self, num_rows: int) -> LazyTensor:
        """The first `num_rows` rows, followed by rows of zeros where there are fewer."""

        def load() -> Tensor:
            tensor = self.load()[:num_rows]
            return torch.cat([tensor, tensor.new_zeros(num_rows - len(tensor), *tensor.shape[1:])])

        return self if num_rows == self.shape[0] else replace(self, shape=(num_rows, *self.shape[1:]), load=load)


def has_tensors(folder: Path) -> bool:
    """Whether there are weights in a folder."""
    return any((folder / f"{name}{ending}").is_file() for name in (WEIGHTS, _PICKLED) for ending in ("", _INDEX))


def read_tensors(folder: Path) -> dict[str, LazyTensor]:
    """All weights of a checkpoint by name: one file or shards with an index, safetensors or else pickled tensors.

    Raises:
        CheckpointError: when there are none, a file is missing or damaged, or the index says something else.
    """
    for name, open_file in ((WEIGHTS, _open_safetensors), (_PICKLED, _open_pickled)):
        if (folder / name).is_file():
            return {tensor.name: tensor for tensor in open_file(folder / name)}
        if (folder / f"{name}{_INDEX}").is_file():
            return _open_shards(folder / f"{name}{_INDEX}", open_file)
    raise CheckpointError(f"{folder}: no weights (neither {WEIGHTS} nor {WEIGHTS}{_INDEX})")


def write_tensors(folder: Path, tensors: Sequence[LazyTensor], max_shard_bytes: int) -> None:
    """Write safetensors: one file, or shards with an index in the order of `tensors`.

    Raises:
        CheckpointError: when they do not fit on the disk.
    """
    total, free = sum(tensor.num_bytes for tensor in tensors), shutil.disk_usage(folder).free
    if total > free:
        raise CheckpointError(f"{folder}: the weights need {total:,} bytes, the disk has {free:,} left")
    shards = list(_shards(tensors, max_shard_bytes))
    places: dict[str, str] = {}
    for number, shard in enumerate(shards, start=1):
        name = WEIGHTS if len(shards) == 1 else f"model-{number:05d}-of-{len(shards):05d}.safetensors"
        places |= {tensor.name: name for tensor in shard}
        weights = {tensor.name: tensor.load().contiguous() for tensor in shard}
        save_file(weights, folder / name, metadata={"format": "pt"})
    if len(shards) > 1:
        write_json(folder / f"{WEIGHTS}{_INDEX}", {"metadata": {"total_size": total}, "weight_map": places})


def _shards(tensors: Iterable[LazyTensor], max_bytes: int) -> Iterator[list[LazyTensor]]:
    shard: list[LazyTensor] = []
    for tensor in tensors:
        if shard and sum(other.num_bytes for other in shard) + tensor.num_bytes > max_bytes:
            yield shard
            shard = []
        shard.append(tensor)
    yield shard


def _open_shards(index: Path, open_file: Callable[[Path], Iterator[LazyTensor]]) -> dict[str, LazyTensor]:
    content = read_json(index)
    places = content.get("weight_map") if isinstance(content, dict) else None
    if not isinstance(places, dict) or not places or not all(isinstance(name, str) for name in places.values()):
        raise CheckpointError(f"{index}: no weight_map from names to files")
    try:
        files = {name: inside(index.parent, name) for name in sorted(set(places.values()))}
    except DataError as error:
        raise CheckpointError(f"{index}: {error}") from None
    missing = [name for name, path in files.items() if not path.is_file()]
    if missing:
        raise CheckpointError(f"{index}: {len(missing)} of {len(files)} files are missing (first: {missing[0]})")
    found = {(tensor.name, name): tensor for name, path in files.items() for tensor in open_file(path)}
    wrong = sorted(places.items() ^ found.keys())
    if wrong:
        raise CheckpointError(
            f"{index}: {len(wrong)} entries differ from what lies in the files (first: {wrong[0][0]} in "
            f"{wrong[0][1]}); download the checkpoint again"
        )
    return {tensor.name: tensor for tensor in found.values()}


def _open_safetensors(path: Path) -> Iterator[LazyTensor]:
    try:
        # Stays open as long as one of its tensors may be read; the file is mapped, not loaded.
        file: Any = safe_open(path, framework="pt")
    except (SafetensorError, OSError) as error:
        raise CheckpointError(f"{path}: not a whole safetensors file ({error}); download it again") from None
    for name in file.keys():  # noqa: SIM118 - not a dictionary
        part = file.get_slice(name)
        dtype = _TYPES.get(part.get_dtype())
        if dtype is None:
            raise CheckpointError(f"{path}: {name} is of type {part.get_dtype()}; {sorted(_TYPES)} can be read")
        yield LazyTensor(name, tuple(part.get_shape()), dtype, partial(file.get_tensor, name))


def _open_pickled(path: Path) -> Iterator[LazyTensor]:
    try:
        weights = torch.load(path, map_location="cpu", weights_only=True, mmap=zipfile.is_zipfile(path))
    except (UnpicklingError, RuntimeError, EOFError) as error:
        raise CheckpointError(
            f"{path}: not a file of tensors alone ({str(error).splitlines()[0]}); save it as safetensors"
        ) from None
    if not isinstance(weights, dict) or not all(isinstance(tensor, Tensor) for tensor in weights.values()):
        raise CheckpointError(f"{path}: holds more than tensors by name; save the weights alone, as safetensors")
    for name, tensor in weights.items():
        yield LazyTensor.of(name, tensor)
