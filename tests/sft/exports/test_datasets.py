"""Parquet gives every sample back, through pyarrow and through the `datasets` library."""

from __future__ import annotations

from dataclasses import fields, is_dataclass
from pathlib import Path
from typing import Any, get_args, get_type_hints

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from llavaction.sft.exports import datasets as module
from llavaction.sft.exports.config import ExportConfig
from llavaction.sft.exports.datasets import DatasetsWriter, arrow_schema, write_parquet
from llavaction.sft.exports.source import open_folder
from llavaction.sft.samples import Sample, View
from llavaction.utils.hashing import content_sha256
from llavaction.utils.jsonl import dump_line
from tests.properties import reproducible
from tests.sft.exports.folders import BOTH, DETECTION, FILES, ORDER, PICTURES, QUESTION, TEXT, samples, write_folder

pytestmark = pytest.mark.thorough

ALL_KINDS = [QUESTION, ORDER, DETECTION, PICTURES, BOTH, TEXT]


def from_rows(rows: Any) -> list[Sample]:
    """The samples of loaded rows."""
    return [Sample.from_row(row) for row in rows]


def test_the_columns() -> None:
    schema = arrow_schema()
    assert {column.name: str(column.type) for column in schema} == {
        "sample_id": "string",
        "view": "string",
        "segment_id": "string",
        "clip": "struct<video_id: string, start_s: double, stop_s: double>",
        "turns": "list<item: struct<role: string, text: string>>",
        "action": "struct<verb_id: int64, noun_id: int64, action_id: int64>",
        "options": "list<item: struct<text: string, action_id: int64, answer: string, source: string>>",
        "answer_idx": "int64",
        "prior": "list<item: struct<segment_id: string, text: string, before_s: double>>",
        "target": "struct<start_s: double, stop_s: double>",
        "media": "list<item: struct<kind: string, path: string>>",
    }


def test_every_field_of_a_record_has_a_column() -> None:
    for field in fields(Sample):
        column = arrow_schema().field(field.name).type
        hint = get_type_hints(Sample)[field.name]
        for record in (part for part in (hint, *get_args(hint)) if is_dataclass(part)):
            inner = column.value_type if pa.types.is_list(column) else column
            assert [item.name for item in inner] == [item.name for item in fields(record)]


def test_a_type_without_column_is_named() -> None:
    with pytest.raises(TypeError, match=r"bytes.* has no column type"):
        module._arrow_type(bytes)


@reproducible
@given(st.lists(samples(), min_size=1, max_size=8))
def test_samples_come_back(tmp_path_factory: pytest.TempPathFactory, shown: list[Sample]) -> None:
    path = tmp_path_factory.mktemp("rows") / "rows.parquet"
    write_parquet(path, shown)
    assert from_rows(pq.read_table(path).to_pylist()) == shown


def test_rows_are_written_group_by_group(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "ROWS_PER_GROUP", 4)
    write_parquet(tmp_path / "rows.parquet", ALL_KINDS)
    file = pq.ParquetFile(tmp_path / "rows.parquet")
    assert [file.metadata.row_group(at).num_rows for at in range(file.num_row_groups)] == [4, 2]
    assert from_rows(file.read().to_pylist()) == ALL_KINDS


def test_lists_without_elements_are_not_null(tmp_path: Path) -> None:
    write_parquet(tmp_path / "rows.parquet", [TEXT])
    (row,) = pq.read_table(tmp_path / "rows.parquet").to_pylist()
    assert [row[name] for name in ("options", "prior", "media")] == [[], [], []]
    assert [row[name] for name in ("segment_id", "clip", "action", "answer_idx", "target")] == [None] * 5


def write(folder: Path, files: dict[str, list[Sample]], config: ExportConfig | None = None) -> Path:
    """Export a folder with these files as a data set."""
    source = open_folder(write_folder(folder / "sft", files), [])
    writer = DatasetsWriter(folder / "datasets", source, config or ExportConfig())
    for file in source.files:
        writer.add(file, file.read())
    writer.finish()
    return folder / "datasets"


def test_the_library_loads_each_view_and_split(tmp_path: Path, offline: None) -> None:
    from datasets import get_dataset_config_names, load_dataset

    folder, cache = str(write(tmp_path, FILES)), str(tmp_path / "cache")
    views = [View.MQA, View.TEMPORAL_ORDER, View.TEMPORAL_DETECTION, View.REPLAY]
    assert get_dataset_config_names(folder) == ["all", *views]
    for view in views:
        loaded = load_dataset(folder, str(view), cache_dir=cache)
        expected = {name.split("_")[0]: rows for name, rows in FILES.items() if name.endswith(f"_{view}.jsonl")}
        assert {split: from_rows(rows) for split, rows in loaded.items()} == expected


def test_the_library_loads_all_views_without_a_name(tmp_path: Path, offline: None) -> None:
    from datasets import load_dataset

    loaded = load_dataset(str(write(tmp_path, FILES)), cache_dir=str(tmp_path / "cache"))
    assert set(loaded) == {"train", "validation"}
    train = [sample for name, rows in FILES.items() if name.startswith("train") for sample in rows]
    assert from_rows(loaded["train"]) == train
    assert from_rows(loaded["validation"]) == FILES["validation_mqa.jsonl"]


def test_the_content_hash_of_loaded_rows_is_the_builds(tmp_path: Path, offline: None) -> None:
    from datasets import load_dataset

    folder = write(tmp_path, {"train_replay.jsonl": ALL_KINDS})
    rows = load_dataset(str(folder), "replay", split="train", cache_dir=str(tmp_path / "cache"))
    found = content_sha256(dump_line(sample.to_row()) for sample in from_rows(rows))
    assert found == open_folder(tmp_path / "sft", []).files[0].content_sha256
    assert found in (folder / "README.md").read_text()


@settings(reproducible, max_examples=5, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(samples(), min_size=1, max_size=30))
def test_the_library_gives_samples_back(
    tmp_path_factory: pytest.TempPathFactory, offline: None, shown: list[Sample]
) -> None:
    from datasets import Dataset

    folder = tmp_path_factory.mktemp("rows")
    write_parquet(folder / "rows.parquet", shown)
    rows = Dataset.from_parquet(str(folder / "rows.parquet"), cache_dir=str(folder / "cache"))
    assert from_rows(rows) == shown
