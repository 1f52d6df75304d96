"""One folder holds the rows of one configuration; how they are computed may change."""

from __future__ import annotations

from pathlib import Path

import pytest

from llavaction.cli.same_config import refuse_other_config
from llavaction.config.compose import compose_config, resolved_yaml
from llavaction.utils.errors import ConfigError

ARGUMENTS = ["paths.sft=sft", "paths.videos=videos", "model.checkpoint=checkpoint"]


def configured(folder: Path, *overrides: str) -> None:
    """As `llavaction evaluate` does it: refuse, then write."""
    root = compose_config("evaluate", [*ARGUMENTS, f"output={folder}", *overrides])
    refuse_other_config(root, folder)
    (folder / "config.yaml").write_text(resolved_yaml(root), encoding="utf-8")


@pytest.mark.parametrize(
    "change",
    ["evaluation.batch_size=8", "evaluation.num_workers=0", "evaluation.tree_size=64", "video.max_open_readers=2"],
)
def test_a_run_may_go_on_in_another_way(tmp_path: Path, change: str) -> None:
    configured(tmp_path)
    configured(tmp_path, change)


@pytest.mark.parametrize(
    ("change", "name"),
    [
        ("model.checkpoint=other", "model.checkpoint"),
        ("model.dtype=bfloat16", "model.dtype"),
        ("evaluation.num_frames=4", "evaluation.num_frames"),
        ("evaluation.seed=1", "evaluation.seed"),
        ("evaluation.tasks.mqa.mode=letter", "evaluation.tasks"),
        ("video.folder=elsewhere", "video.folder"),
        ("encoder=minilm", "encoder.encoder, encoder.model"),
    ],
)
def test_but_not_with_other_rows(tmp_path: Path, change: str, name: str) -> None:
    configured(tmp_path)
    with pytest.raises(ConfigError, match=f"differs from this configuration in {name}; its rows would be mixed"):
        configured(tmp_path, change)


def test_fields_that_came_later_change_nothing_unless_they_are_set(tmp_path: Path) -> None:
    configured(tmp_path)
    path = tmp_path / "config.yaml"
    path.write_text(path.read_text().replace("  num_frames: null\n", ""))
    configured(tmp_path)
