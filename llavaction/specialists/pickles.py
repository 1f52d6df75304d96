"""Pickled arrays, read without running anything that the file names.

A pickle is a program: reading one with `pickle.load` runs whatever its author wrote. Prediction files need arrays and
plain containers only, so every name in the file is looked up in the table below, which has stand-ins that do nothing
but keep what they are given; the arrays are made from these afterwards, with the sizes checked. numpy's own functions
are not called with arguments from the file.
"""

from __future__ import annotations

import math
import pickle
import re
from pathlib import Path
from typing import Any, NoReturn

import numpy as np

from llavaction.utils.errors import DataError

_ZIP = b"PK\x03\x04"
_SIMPLE_TYPE = re.compile(r"b1|[iu][1248]|f[248]|[US][1-9]\d*|O8?")
_DEFECTS = (
    *(pickle.UnpicklingError, EOFError, AttributeError, ImportError, IndexError, KeyError, TypeError, ValueError),
    *(OverflowError, MemoryError, RecursionError),
)
_NO_TENSORS = "torch tensors are not read, save them as numpy arrays (tensor.numpy())"


def load_pickle(path: Path) -> Any:
    """The content of a pickle of numpy arrays, numbers, strings and plain containers; arrays may be read-only.

    Raises:
        DataError: when the file is missing, broken, or names anything else, with its full name.
    """
    try:
        file = path.open("rb")
    except FileNotFoundError:
        raise DataError(f"{path}: no such file") from None
    with file:
        if file.read(len(_ZIP)) == _ZIP:
            raise DataError(f"{path}: written by torch.save; {_NO_TENSORS} with pickle.dump")
        file.seek(0)
        try:
            return _resolve(_ArrayUnpickler(file).load())
        except DataError as error:
            raise DataError(f"{path}: {error}") from None
        except _DEFECTS as error:
            raise DataError(f"{path}: not a whole pickle ({type(error).__name__}: {error})") from None


class _ArrayUnpickler(pickle.Unpickler):
    """Knows the names in `_STAND_INS` and no others."""

    def find_class(self, module: str, name: str) -> Any:
        # numpy 2 calls numpy.core numpy._core; Python 2 called builtins __builtin__.
        place = module.replace("numpy._core", "numpy.core").replace("__builtin__", "builtins")
        stand_in = _STAND_INS.get(f"{place}.{name}")
        if stand_in is None:
            hint = f"; {_NO_TENSORS}" if module.split(".")[0] == "torch" else ""
            raise DataError(f"refused, it names {module}.{name}; only numpy arrays and plain containers are read{hint}")
        return stand_in

    def persistent_load(self, pid: Any) -> NoReturn:
        raise DataError(f"refused, it refers to {pid!r} outside the file; save numpy arrays and plain containers")


class _Encoded(bytes):
    """Bytes as old pickles spell them: `_codecs.encode(text, "latin1")`, or `bytes()` when there are none."""

    def __new__(cls, text: str = "", encoding: str = "latin1") -> _Encoded:
        if encoding != "latin1":
            raise DataError(f"refused, it encodes text as {encoding!r}; numpy writes latin1 only")
        return super().__new__(cls, text, encoding)

    def __setstate__(self, state: object) -> NoReturn:
        raise DataError("refused, bytes have no state")


class _Type:
    """A dtype: `numpy.dtype("f4", False, True)`, then the state with the byte order."""

    def __init__(self, code: str, align: bool = False, copy: bool = True) -> None:
        if not isinstance(code, str) or not _SIMPLE_TYPE.fullmatch(code):
            raise DataError(f"refused, an array of type {code!r}; numbers, truth values and text are read")
        self.dtype = np.dtype(code)

    def __setstate__(self, state: tuple[Any, ...]) -> None:
        _, order, subarray, names, fields = state[:5]
        if subarray is not None or names is not None or fields is not None or order not in ("<", ">", "|", "="):
            raise DataError("refused, an array with fields or of a byte order that does not exist")
        if order in ("<", ">"):
            self.dtype = self.dtype.newbyteorder(order)


class _Array:
    """An array: `_reconstruct(ndarray, (0,), b"b")`, then the state with shape, type and content."""

    array: np.ndarray | None = None

    def __init__(self, *_: object) -> None:
        """What is given here is empty."""

    def __setstate__(self, state: tuple[Any, ...]) -> None:
        _, shape, kind, is_fortran, content = state
        self.array = _make_array(content, kind, shape, "F" if is_fortran else "C")

    def value(self) -> Any:
        """The array, once its state was read."""
        if self.array is None:
            raise DataError("an array without content")
        return self.array


class _BufferArray(_Array):
    """An array of pickle protocol 5: `_frombuffer(content, dtype, shape, order[, order of axes])`."""

    def __init__(self, content: Any, kind: Any, shape: Any, order: str, axes: Any = None) -> None:
        self.array = _make_array(content, kind, shape, "F" if order == "F" else "C")
        if order == "K" and axes is not None:
            self.array = self.array.transpose([int(axis) for axis in axes])


class _Scalar(_Array):
    """A numpy number or text: `scalar(dtype, bytes)`."""

    def __init__(self, kind: Any, content: Any) -> None:
        self.array = _make_array(content, kind, (), "C")

    def value(self) -> Any:
        return super().value()[()]


def _make_array(content: Any, kind: Any, shape: Any, order: Any) -> np.ndarray:
    """An array over the file's own bytes, without a copy; objects are a list of plain values."""
    if not isinstance(kind, _Type) or not isinstance(shape, tuple):
        raise DataError("an array without type or shape")
    size = math.prod(_length(length) for length in shape)
    if kind.dtype.hasobject:
        return _object_array(content, size).reshape(shape, order=order)
    if not isinstance(content, bytes | bytearray) or len(content) != size * kind.dtype.itemsize:
        raise DataError(f"an array of shape {shape} and type {kind.dtype} whose content has another size")
    # numpy makes no array of bytes without elements.
    array = np.frombuffer(content, kind.dtype) if size else np.zeros(size, kind.dtype)
    return array.reshape(shape, order=order)


def _object_array(content: Any, size: int) -> np.ndarray:
    if not isinstance(content, list) or len(content) != size:
        raise DataError("an array of objects whose content has another size")
    values = [_resolve(value) for value in content]
    for value in values:
        if not isinstance(value, str | int | float):
            raise DataError(f"refused, an array of objects with a {type(value).__name__}; text and numbers are read")
    array = np.empty(size, object)
    array[:] = values
    return array


def _length(value: Any) -> int:
    if not isinstance(value, int) or value < 0:
        raise DataError(f"an array with an axis of length {value!r}")
    return value


def _resolve(value: Any) -> Any:
    """`value` with arrays where stand-ins are."""
    if isinstance(value, _Array):
        return value.value()
    if isinstance(value, dict):
        return {key if isinstance(key, str) else _resolve(key): _resolve(item) for key, item in value.items()}
    if isinstance(value, list | tuple | set | frozenset):
        return type(value)(_resolve(item) for item in value)
    if value is None or isinstance(value, str | bytes | bytearray | int | float | complex):
        return value
    raise DataError(f"refused, it holds a {type(value).__name__}; only numpy arrays and plain containers are read")


_STAND_INS: dict[str, Any] = {
    "numpy.ndarray": _Array,
    "numpy.dtype": _Type,
    "numpy.core.multiarray._reconstruct": _Array,
    "numpy.core.multiarray.scalar": _Scalar,
    "numpy.core.numeric._frombuffer": _BufferArray,
    "_codecs.encode": _Encoded,
    "builtins.bytes": _Encoded,
    "builtins.frozenset": frozenset,
    "builtins.set": set,
}
