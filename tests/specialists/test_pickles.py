"""Pickles: arrays of any numpy and protocol are read, and nothing that a pickle names is run."""

from __future__ import annotations

import io
import os
import pickle
import subprocess
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from llavaction.specialists.pickles import load_pickle
from llavaction.utils.errors import DataError
from tests.properties import reproducible

PROTOCOLS = range(pickle.HIGHEST_PROTOCOL + 1)


def load(tmp_path: Path, data: bytes) -> Any:
    path = tmp_path / "dump.pkl"
    path.write_bytes(data)
    return load_pickle(path)


def old_names(data: bytes) -> bytes:
    """What numpy 1 would have written: its modules had other names. For protocols whose names have no length."""
    assert b"numpy._core" in data
    return data.replace(b"numpy._core", b"numpy.core")


ARRAYS = {
    "floats": np.arange(6, dtype=np.float32).reshape(2, 3),
    "big endian": np.arange(6, dtype=">f8").reshape(3, 2),
    "columns first": np.asfortranarray(np.arange(6).reshape(2, 3)),
    "strided": np.arange(12, dtype=np.int16).reshape(3, 4)[::2, 1::2],
    "transposed": np.arange(24).reshape(2, 3, 4).transpose(2, 0, 1),
    "half": np.array([0.5, -2], np.float16),
    "truths": np.array([True, False]),
    "texts": np.array(["P01_11_0", "", "naïve"]),
    "objects": np.array(["P01_11_0", 3, 0.5, np.str_("x"), True], object),
    "bytes": np.array([b"ab", b"c"]),
    "empty": np.zeros((0, 3), np.float32),
    "single": np.array(3.5),
}


@pytest.mark.parametrize("protocol", PROTOCOLS)
@pytest.mark.parametrize("name", ARRAYS)
def test_arrays_come_back(tmp_path: Path, name: str, protocol: int) -> None:
    array = ARRAYS[name]

    found = load(tmp_path, pickle.dumps({"x": array}, protocol))["x"]

    assert (found.shape, found.dtype) == (array.shape, array.dtype)
    assert found.tolist() == array.tolist()


@pytest.mark.parametrize("protocol", [0, 1, 2, 3])
@pytest.mark.parametrize("name", ["floats", "texts", "objects"])
def test_arrays_of_numpy_1_come_back(tmp_path: Path, name: str, protocol: int) -> None:
    found = load(tmp_path, old_names(pickle.dumps({"x": ARRAYS[name], "y": np.float32(2.5)}, protocol)))

    assert found["x"].tolist() == ARRAYS[name].tolist()
    assert found["y"] == 2.5


@reproducible
@given(
    shape=st.lists(st.integers(0, 4), max_size=3),
    dtype=st.sampled_from(["f4", ">f8", "i8", "u1", "b1", "U3"]),
    protocol=st.sampled_from(PROTOCOLS),
    flip=st.booleans(),
)
def test_any_array_comes_back(
    tmp_path_factory: pytest.TempPathFactory, shape: list[int], dtype: str, protocol: int, flip: bool
) -> None:
    array = np.arange(np.prod(shape, dtype=int)).reshape(shape).astype(dtype)
    array = array.T if flip else array

    found = load(tmp_path_factory.mktemp("arrays"), pickle.dumps(array, protocol))

    assert (found.shape, found.dtype, found.tolist()) == (array.shape, array.dtype, array.tolist())


@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_scalars_and_plain_containers_come_back(tmp_path: Path, protocol: int) -> None:
    content = {
        "numbers": [np.float32(1.5), np.int64(-3), np.bool_(True), 2, 0.25, None],
        "texts": (np.str_("ab"), "cd", b"ef"),
        "sets": {1, 2},
        3: frozenset({"x"}),
    }

    found = load(tmp_path, pickle.dumps(content, protocol))

    assert found == content
    assert [type(value) for value in found["numbers"]] == [np.float32, np.int64, np.bool_, int, float, type(None)]


class Calls:
    """Pickles as a call of `function`."""

    def __init__(self, function: Callable[..., Any], *arguments: Any) -> None:
        self.call = (function, arguments)

    def __reduce__(self) -> tuple[Any, ...]:
        return self.call


# name of what is refused, and what would run it.
EVIL: list[tuple[str, Callable[[Path], Any]]] = [
    (r"(posix|nt)\.system", lambda mark: Calls(os.system, f"touch {mark}")),
    (r"builtins\.eval", lambda mark: Calls(eval, f"open({str(mark)!r}, 'w')")),
    (r"builtins\.exec", lambda mark: Calls(exec, f"open({str(mark)!r}, 'w')")),
    (r"(io|_io)\.open", lambda mark: Calls(open, str(mark), "w")),
    (r"builtins\.getattr", lambda mark: Calls(getattr, mark.name, "upper")),
    (r"(subprocess|commands)\.Popen", lambda mark: Calls(subprocess.Popen, ["touch", str(mark)])),
    (r"numpy\.save", lambda mark: Calls(np.save, str(mark), 1)),
    (r"tests\.specialists\.test_pickles\.Plain", lambda mark: Plain()),
]


class Plain:
    """A class like any other."""


@pytest.mark.parametrize("protocol", PROTOCOLS)
@pytest.mark.parametrize(("name", "make"), EVIL, ids=[name for name, _ in EVIL])
def test_nothing_that_a_pickle_names_is_run(
    tmp_path: Path, name: str, make: Callable[[Path], Any], protocol: int
) -> None:
    mark = tmp_path / "mark"
    content = {"logits": np.zeros(3), "more": [make(mark)]}
    # copyreg._reconstructor makes plain objects in the oldest protocols.
    expected = rf"({name}|copyreg\._reconstructor|copy_reg\._reconstructor)" if "Plain" in name else name
    expected = expected.replace("builtins", "(builtins|__builtin__)")

    with pytest.raises(DataError, match=rf"dump\.pkl: refused, it names {expected}; only numpy arrays"):
        load(tmp_path, pickle.dumps(content, protocol))
    assert not mark.exists()


def test_the_evil_pickles_would_run(tmp_path: Path) -> None:
    pickle.loads(pickle.dumps(EVIL[1][1](tmp_path / "mark")))

    assert (tmp_path / "mark").exists()


def test_what_an_array_of_objects_holds_is_looked_at_too(tmp_path: Path) -> None:
    array = np.empty(2, object)
    array[:] = ["P01_11_0", Calls(os.system, f"touch {tmp_path / 'mark'}")]

    with pytest.raises(DataError, match=r"refused, it names (posix|nt)\.system"):
        load(tmp_path, pickle.dumps(array))
    assert not (tmp_path / "mark").exists()


@pytest.mark.parametrize("value", [{"a": 1}, [1], None, np.zeros(2), b"x"])
def test_arrays_of_objects_hold_text_and_numbers_only(tmp_path: Path, value: object) -> None:
    array = np.empty(1, object)
    array[0] = value

    with pytest.raises(DataError, match=rf"an array of objects with a {type(value).__name__}"):
        load(tmp_path, pickle.dumps(array))


@pytest.mark.parametrize(
    "array",
    [
        np.zeros(2, [("a", "f4"), ("b", "i4")]),
        np.array(["2020-01-01"], "M8[D]"),
        np.array([1j]),
        np.array([b"abc"], "V3"),
        np.zeros(2, np.longdouble),
    ],
)
def test_other_types_are_refused(tmp_path: Path, array: np.ndarray) -> None:
    with pytest.raises(DataError, match=r"dump\.pkl: refused, an array (of type|with fields)"):
        load(tmp_path, pickle.dumps(array))


def test_subclasses_are_refused(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"refused, it names numpy\.ma\."):
        load(tmp_path, pickle.dumps(np.ma.masked_array([1, 2], [True, False])))


def spelled(name: str, *values: object) -> bytes:
    """A pickle that calls a global with plain values, as text: no honest writer makes it."""
    parts = [pickle.dumps(value, 2)[2:-1] for value in values]
    return f"c{name.replace(' ', chr(10))}\n(".encode() + b"".join(parts) + b"tR."


# `_frombuffer` of eight bytes, two floats: honest as it stands here.
FRAMED = (
    b"cnumpy._core.numeric\n_frombuffer\n(C\x0812345678cnumpy\ndtype\n(X\x02\x00\x00\x00f4tR(K\x02t"
    b"X\x01\x00\x00\x00CtR."
)

FORGED = [
    (FRAMED.replace(b"f4", b"O8"), "another size"),
    (spelled("numpy ndarray", (3,)), "an array without content"),
    (spelled("numpy._core.multiarray _reconstruct", 1), "an array without content"),
    (spelled("numpy dtype", "f4"), "it holds a _Type"),
    (spelled("numpy dtype", "O1000"), "type 'O1000'"),
    (spelled("numpy dtype", 3), "type 3"),
    (spelled("_codecs encode", "x", "zlib"), "encodes text as 'zlib'"),
    (b"(lp0\ng0\na.", "RecursionError"),
    (FRAMED.replace(b"(K\x02t", b"K\x02"), "without type or shape"),
]


@pytest.mark.parametrize(("data", "problem"), FORGED)
def test_forged_pickles_are_refused(tmp_path: Path, data: bytes, problem: str) -> None:
    assert load(tmp_path, FRAMED).tobytes() == b"12345678"
    with pytest.raises(DataError, match=rf"dump\.pkl: .*{problem}"):
        load(tmp_path, data)


def forged_array(shape: tuple[Any, ...], content: bytes) -> bytes:
    """An array of four-byte floats whose shape and content need not fit."""
    honest = pickle.dumps(np.zeros(2, np.float32), 3)
    assert honest.count(b"K\x02\x85") == 1 and honest.count(b"C\x08" + bytes(8)) == 1
    return honest.replace(b"K\x02\x85", pickle.dumps(shape, 2)[2:-1].split(b"q")[0]).replace(
        b"C\x08" + bytes(8), b"C" + bytes([len(content)]) + content
    )


@pytest.mark.parametrize(
    ("shape", "content", "problem"),
    [
        ((3,), bytes(8), r"shape \(3,\) and type float32 whose content has another size"),
        ((2,), bytes(7), "another size"),
        ((10**18,), bytes(8), "another size"),
        ((-2,), bytes(8), "axis of length -2"),
        ((2.0,), bytes(8), "axis of length 2.0"),
    ],
)
def test_shapes_that_do_not_fit_their_content_are_refused(
    tmp_path: Path, shape: tuple[Any, ...], content: bytes, problem: str
) -> None:
    assert load(tmp_path, forged_array((2,), bytes(8))).tolist() == [0, 0]
    with pytest.raises(DataError, match=problem):
        load(tmp_path, forged_array(shape, content))


@pytest.mark.parametrize("name", ["_utils _rebuild_tensor_v2", "storage _load_from_bytes"])
def test_tensors_are_refused_with_the_remedy(tmp_path: Path, name: str) -> None:
    with pytest.raises(DataError, match=rf"names torch\.{name.replace(' ', '.')}; .*save them as numpy arrays"):
        load(tmp_path, spelled(f"torch.{name}", 1))


def test_a_file_of_torch_save_is_refused_with_the_remedy(tmp_path: Path) -> None:
    data = io.BytesIO()
    with zipfile.ZipFile(data, "w") as archive:
        archive.writestr("archive/data.pkl", pickle.dumps({}))

    with pytest.raises(DataError, match=r"dump\.pkl: written by torch\.save; .*save them as numpy arrays"):
        load(tmp_path, data.getvalue())


def test_what_lies_outside_of_the_file_is_refused(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="refers to 'storage' outside the file"):
        load(tmp_path, b"X\x07\x00\x00\x00storageQ.")


@pytest.mark.parametrize("length", [0, 1, 40, -1])
def test_half_a_file_is_an_error(tmp_path: Path, length: int) -> None:
    with pytest.raises(DataError, match=r"dump\.pkl: not a whole pickle"):
        load(tmp_path, pickle.dumps(np.arange(30.0))[:length])


@reproducible
@given(data=st.binary(max_size=60))
def test_no_file_brings_the_reader_down(tmp_path_factory: pytest.TempPathFactory, data: bytes) -> None:
    try:
        load(tmp_path_factory.mktemp("noise"), data)
    except DataError as error:
        assert "dump.pkl: " in str(error)


def test_arrays_are_not_copied(tmp_path: Path) -> None:
    array = load(tmp_path, pickle.dumps(np.arange(1000.0), 4))

    assert array.base is not None
    assert not array.flags.owndata


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"absent\.pkl: no such file"):
        load_pickle(tmp_path / "absent.pkl")
