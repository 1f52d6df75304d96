"""Parquet as the Hugging Face `datasets` library loads it, one file per split and view, and the data set's card.

    from datasets import load_dataset
    from llavaction.sft.samples import Sample

    rows = load_dataset("EXPORT/datasets", "mqa", split="train")
    sample = Sample.from_row(rows[0])

A row has the fields of `Sample`: those of several values are lists, empty where the sample has none; those of one value
are null where it has none.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import fields, is_dataclass
from itertools import islice
from pathlib import Path
from typing import Any, get_args, get_origin, get_type_hints

from llavaction.sft.exports.card import dataset_card
from llavaction.sft.exports.config import ExportConfig
from llavaction.sft.exports.files import replacing
from llavaction.sft.exports.source import BuiltFolder, SampleFile
from llavaction.sft.exports.writer import FormatWriter
from llavaction.sft.samples import Sample
from llavaction.utils.jsonl import write_text

ROWS_PER_GROUP = 2000
"""Rows that are in memory at once, and that a reader fetches together; about 1 MB of them."""
CARD = "README.md"


def arrow_schema() -> Any:
    """The columns: one for each field of `Sample`."""
    import pyarrow as pa

    return pa.schema(_arrow_fields(Sample))


def write_parquet(path: Path, samples: Sequence[Sample]) -> None:
    """Write samples as Parquet, group by group, atomically."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    schema = arrow_schema()
    # `to_row` leaves out what is empty; in a table a list without elements is a list all the same.
    no_elements: dict[str, list[Any]] = {column.name: [] for column in schema if pa.types.is_list(column.type)}
    rows = ({**no_elements, **sample.to_row()} for sample in samples)
    with replacing(path) as temporary, pq.ParquetWriter(temporary, schema, compression="zstd") as writer:
        while group := list(islice(rows, ROWS_PER_GROUP)):
            writer.write_batch(pa.RecordBatch.from_pylist(group, schema=schema))


def _arrow_fields(record: type) -> list[tuple[str, Any]]:
    """Name and type of each field of a dataclass."""
    hints = get_type_hints(record)
    return [(field.name, _arrow_type(hints[field.name])) for field in fields(record)]


def _arrow_type(hint: Any) -> Any:
    """The type of a field: a number or text, a record, ``X | None``, or ``tuple[X, ...]``."""
    import pyarrow as pa

    inner = [argument for argument in get_args(hint) if argument not in (type(None), Ellipsis)]
    if inner:
        (element,) = inner
        return pa.list_(_arrow_type(element)) if get_origin(hint) is tuple else _arrow_type(element)
    if is_dataclass(hint):
        assert isinstance(hint, type)
        return pa.struct(_arrow_fields(hint))
    numbers = {int: pa.int64(), float: pa.float64()}
    if hint in numbers:
        return numbers[hint]
    if issubclass(hint, str):
        return pa.string()
    raise TypeError(f"a field of type {hint} has no column type; add one here")


class DatasetsWriter(FormatWriter):
    """Writes `{view}/{split}.parquet` and the card."""

    def __init__(self, folder: Path, source: BuiltFolder, config: ExportConfig) -> None:
        self._folder = folder
        self._source = source
        self._config = config

    def add(self, file: SampleFile, samples: Sequence[Sample]) -> str:
        """Write one file of rows."""
        target = parquet_name(file)
        write_parquet(self._folder / target, samples)
        return target

    def finish(self) -> None:
        """Write the card, which also tells the library which file is which split and view."""
        names = {file: parquet_name(file) for file in self._source.files}
        write_text(self._folder / CARD, dataset_card(self._source, names, self._config))


def parquet_name(file: SampleFile) -> str:
    """Where the samples of a file go."""
    return f"{file.view}/{file.split}.parquet"
