from __future__ import annotations

import csv
import json
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from llavaction.sft.exports import ExportConfig, ExportFormat, export_samples
from llavaction.sft.samples import Sample, View
from llavaction.utils.errors import ConfigError, DataError
from tests.sft.exports.folders import BOTH, CANDIDATES, FILES, QUESTION, TEXT, write_folder


def contents(folder: Path) -> dict[str, bytes]:
    """The bytes of every file below a folder."""
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_every_file_in_every_format(tmp_path: Path) -> None:
    written = export_samples(write_folder(tmp_path / "sft"), ExportConfig(), tmp_path / "out")
    stems = [name.removesuffix(".jsonl") for name in FILES]
    parquet = ["/".join(reversed(stem.split("_", 1))) for stem in stems]
    expected = {
        name: len(samples)
        for stem, split, samples in zip(stems, parquet, FILES.values(), strict=True)
        for name in (f"datasets/{split}.parquet", f"llava/{stem}.json", f"messages/{stem}.json")
    }
    assert written == {"files": expected, "clips": 3}
    others = {"clips.csv", "datasets/README.md", "messages/dataset_info.json"}
    assert set(contents(tmp_path / "out")) == set(expected) | others


def test_both_formats_name_the_clips_that_are_listed(tmp_path: Path) -> None:
    export_samples(write_folder(tmp_path / "sft"), ExportConfig(), tmp_path / "out")
    with (tmp_path / "out" / "clips.csv").open(newline="") as file:
        listed = {row["file"] for row in csv.DictReader(file)}
    llava, messages = set(), set()
    for path in (tmp_path / "out" / "llava").iterdir():
        llava |= {row["video"] for row in json.loads(path.read_text()) if "video" in row}
    for path in (tmp_path / "out" / "messages").glob("*_*.json"):
        if path.name != "dataset_info.json":
            messages |= {name for row in json.loads(path.read_text()) for name in row.get("videos", [])}
    assert llava == messages == listed | {"films/a.mp4"}


def test_again_is_the_same(tmp_path: Path) -> None:
    folder = write_folder(tmp_path / "sft")
    export_samples(folder, ExportConfig(), tmp_path / "out")
    first = contents(tmp_path / "out")
    export_samples(folder, ExportConfig(), tmp_path / "out")
    second = contents(tmp_path / "out")
    assert first.keys() == second.keys()
    assert {name for name in first if first[name] != second[name] and not name.endswith(".parquet")} == set()
    for name in (name for name in first if name.endswith(".parquet")):
        (tmp_path / "first.parquet").write_bytes(first[name])
        assert pq.read_table(tmp_path / "first.parquet").equals(pq.read_table(tmp_path / "out" / name))


def test_only_what_is_asked_for(tmp_path: Path) -> None:
    config = ExportConfig(formats=[ExportFormat.DATASETS], views=[View.MQA])
    written = export_samples(write_folder(tmp_path / "sft"), config, tmp_path / "out")
    assert written == {"files": {"datasets/mqa/train.parquet": 1, "datasets/mqa/validation.parquet": 1}, "clips": 0}
    assert set(contents(tmp_path / "out")) == {*written["files"], "datasets/README.md"}


def test_no_format_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"export\.formats is empty; choose of datasets, llava, messages"):
        export_samples(write_folder(tmp_path / "sft"), ExportConfig(formats=[]), tmp_path / "out")


def test_what_a_format_cannot_say_stops_the_export(tmp_path: Path) -> None:
    folder = write_folder(tmp_path / "sft", {"train_mqa.jsonl": [QUESTION], "train_replay.jsonl": [TEXT, BOTH]})
    with pytest.raises(DataError, match="sample 'replay/4'"):
        export_samples(folder, ExportConfig(), tmp_path / "out")
    assert not (tmp_path / "out" / "clips.csv").exists()
    config = ExportConfig(formats=[ExportFormat.DATASETS, ExportFormat.MESSAGES])
    assert export_samples(folder, config, tmp_path / "out")["files"]["messages/train_replay.json"] == 2


def test_candidates_are_not_exported_to_be_trained_on(tmp_path: Path) -> None:
    files = {"validation_mqa.jsonl": [QUESTION], "validation_candidates.jsonl": [CANDIDATES]}
    folder = write_folder(tmp_path / "sft", files)
    remedy = r"alone; leave them out with export\.views=\[mqa\], or set formats=\[datasets\]"
    with pytest.raises(ConfigError, match=f"llava, messages are to train on, .* {remedy}"):
        export_samples(folder, ExportConfig(), tmp_path / "out")
    assert not (tmp_path / "out").exists()
    with pytest.raises(ConfigError, match=r"messages are to train on, .* alone; set formats=\[datasets\]"):
        config = ExportConfig(formats=[ExportFormat.MESSAGES], views=[View.CANDIDATES])
        export_samples(folder, config, tmp_path / "out")
    written = export_samples(folder, ExportConfig(views=[View.MQA]), tmp_path / "out")["files"]
    assert "llava/validation_mqa.json" in written


def test_candidates_come_back_from_parquet(tmp_path: Path) -> None:
    folder = write_folder(tmp_path / "sft", {"validation_candidates.jsonl": [CANDIDATES]})
    export_samples(folder, ExportConfig(formats=[ExportFormat.DATASETS]), tmp_path / "out")
    (row,) = pq.read_table(tmp_path / "out" / "datasets" / "candidates" / "validation.parquet").to_pylist()
    assert row["answer_idx"] is None and len(row["options"]) == 2
    assert Sample.from_row(row) == CANDIDATES
    assert "`candidates`" in (tmp_path / "out" / "datasets" / "README.md").read_text()
