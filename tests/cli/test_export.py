"""`llavaction export`, from annotations and a built folder to files of other frameworks."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from llavaction.cli.main import USER_ERROR, main
from llavaction.config.compose import compose_config
from llavaction.sft.exports import ExportFormat
from llavaction.sft.samples import Sample, View, read_samples
from llavaction.utils.hashing import file_sha256
from tests.annotations.ek100_files import write_ek100
from tests.sft.exports.folders import write_folder
from tests.sft.exports.test_llava import check_row
from tests.sft.exports.test_messages import check_llama_factory, check_swift


def test_formats_have_a_short_form() -> None:
    root = compose_config("export", ["path=a", "formats=[llava,messages]", "output=b"])
    assert root.export.formats == root.formats == [ExportFormat.LLAVA, ExportFormat.MESSAGES]
    assert (root.path, root.output) == ("a", "b")
    assert compose_config("export", ["path=a", "export.formats=[llava]"]).formats == [ExportFormat.LLAVA]


def test_defaults() -> None:
    root = compose_config("export", ["paths.sft=built", "export.views=[temporal_order]"])
    assert (root.path, root.output, root.formats) == ("built", "runs/export", list(ExportFormat))
    assert root.export.views == [View.TEMPORAL_ORDER]


def test_the_command_writes_and_records(tmp_path: Path) -> None:
    folder, output = write_folder(tmp_path / "sft"), tmp_path / "out"
    assert main(["export", f"path={folder}", "formats=[llava,datasets]", f"output={output}"]) == 0
    assert sorted(path.name for path in output.iterdir()) == [
        "clips.csv", "config.yaml", "datasets", "llava", "log.txt", "run.json",
    ]  # fmt: skip
    record = json.loads((output / "run.json").read_text())
    assert record["command"] == "export"
    assert record["data_sha256"] == {"manifest.json": file_sha256(folder / "manifest.json")}
    log = (output / "log.txt").read_text()
    assert "train_replay.json: 3 samples" in log
    assert "clips.csv: 3 clips to cut" in log


def test_a_build_in_all_formats(tmp_path: Path) -> None:
    import pyarrow.parquet as pq

    sft, output = tmp_path / "sft", tmp_path / "out"
    annotations = write_ek100(tmp_path).folder
    assert main(["build-sft", f"paths.annotations={annotations}", "sft.num_options=3", f"output={sft}"]) == 0
    assert main(["export", f"path={sft}", f"output={output}"]) == 0
    files = json.loads((sft / "manifest.json").read_text())["files"]
    assert len(files) == 4
    for name, entry in files.items():
        stem = name.removesuffix(".jsonl")
        split, view = stem.split("_", 1)
        rows = json.loads((output / "llava" / f"{stem}.json").read_text())
        assert len(rows) == entry["samples"]
        for row in rows:
            check_row(row)
        assert check_llama_factory(output / "messages", f"ek100_{stem}") == entry["samples"]
        check_swift(json.loads((output / "messages" / f"{stem}.json").read_text()))
        table = pq.read_table(output / "datasets" / view / f"{split}.parquet")
        assert [Sample.from_row(row) for row in table.to_pylist()] == read_samples(sft / name)
        assert entry["content_sha256"] in (output / "datasets" / "README.md").read_text()


@pytest.mark.parametrize(
    ("words", "problem"),
    [
        (["formats=[lava]"], "formats=[lava]: Invalid value 'lava', expected one of [datasets, llava, messages]"),
        (["export.views=[caption]"], "export.views names caption, but"),
        (["export.view=[mqa]"], "unknown key 'export.view'; did you mean 'export.views'?"),
        (["formats=[]"], "export.formats is empty"),
    ],
)
def test_errors_are_one_line(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], words: list[str], problem: str
) -> None:
    folder = write_folder(tmp_path / "sft")
    assert main(["export", f"path={folder}", f"output={tmp_path / 'out'}", *words]) == USER_ERROR
    assert problem in capsys.readouterr().err
