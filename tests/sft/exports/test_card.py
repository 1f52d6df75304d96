from __future__ import annotations

from dataclasses import fields
from pathlib import Path
from typing import Any

import pytest
import yaml

from llavaction.sft.exports.card import FIELDS, VIEWS, dataset_card, size_category
from llavaction.sft.exports.config import ExportConfig
from llavaction.sft.exports.datasets import parquet_name
from llavaction.sft.exports.source import open_folder
from llavaction.sft.samples import Sample, View
from tests.sft.exports.folders import FILES, QUESTION, write_folder


def card_of(folder: Path, files: Any = FILES, export: ExportConfig | None = None, **facts: Any) -> str:
    """The card of a folder with these files."""
    source = open_folder(write_folder(folder, files, **facts), [])
    return dataset_card(source, {file: parquet_name(file) for file in source.files}, export or ExportConfig())


def head_of(card: str) -> Any:
    """The YAML head."""
    empty, head, _ = card.split("---\n", 2)
    assert empty == ""
    return yaml.safe_load(head)


def test_the_head_names_files_and_licence(tmp_path: Path) -> None:
    head = head_of(card_of(tmp_path, {"train_mqa.jsonl": [QUESTION], "validation_mqa.jsonl": [QUESTION]}))
    files = [{"split": split, "path": [f"mqa/{split}.parquet"]} for split in ("train", "validation")]
    assert head == {
        "pretty_name": "Questions and answers about the actions of EPIC-KITCHENS-100",
        "license": "cc-by-nc-4.0",
        "language": ["en"],
        "task_categories": ["video-text-to-text", "visual-question-answering"],
        "tags": ["video", "egocentric", "action-recognition", "instruction-tuning", "ek100"],
        "size_categories": ["n<1K"],
        "configs": [
            {"config_name": "all", "default": True, "data_files": files},
            {"config_name": "mqa", "data_files": files},
        ],
    }


def test_the_text_says_what_the_samples_are(tmp_path: Path) -> None:
    card = card_of(tmp_path)
    assert "| `mqa` | 1 | 1 |" in card
    assert "| `replay` | 3 | none |" in card
    assert "EPIC-KITCHENS team" in card
    assert "CC BY-NC 4.0" in card
    assert "licences of their own" in card
    for file in open_folder(tmp_path, []).files:
        assert f"| `{parquet_name(file)}` | {file.num_samples} | `{file.content_sha256}` |" in card


def test_the_text_says_how_it_was_made_without_paths_of_a_machine(tmp_path: Path) -> None:
    card = card_of(tmp_path)
    assert "| `distractors` | `specialist` |" in card
    assert '| `prompts` | `{"name": "first_person", "version": 2}` |' in card
    assert f"| tim_train.json | `{'bb' * 32}` |" in card
    assert "/home/someone" not in card
    command = card.split("```bash\n")[1].split("llavaction verify")[0]
    assert " ".join(command.replace("\\\n", " ").split()) == (
        "llavaction build-sft paths.annotations=FOLDER_OF_ANNOTATIONS output=FOLDER distractors=specialist "
        "prompts=first_person sft.seed=3 sft.splits=[train,validation] "
        "sft.views=[mqa,temporal_order,temporal_detection,replay]"
    )


def test_all_settings_are_shown_where_the_manifest_has_them(tmp_path: Path) -> None:
    config = {"sft": {"seed": 3, "replay": {"path": "/home/someone/talk.json"}}, "prompts": {"texts": ["yes/no: é"]}}
    card = card_of(tmp_path, config=config)
    settings = yaml.safe_load(card.split("```yaml\n")[1].split("```")[0])
    assert settings == {**config, "sft": {"seed": 3, "replay": {"path": "talk.json"}}}
    assert "/home/someone" not in card


def test_facts_of_another_form_are_shown_as_they_are(tmp_path: Path) -> None:
    card = card_of(tmp_path, distractors={"train": "random", "b": "x|y"}, prompts="mine")
    assert '| `distractors` | `{"train": "random", "b": "x\\|y"}` |' in card
    assert "| `prompts` | `mine` |" in card
    assert "distractors=" not in card
    assert "All settings" not in card
    assert "prompts=" not in card


def test_limits_fit_the_views(tmp_path: Path) -> None:
    card = card_of(tmp_path, {"train_mqa.jsonl": [QUESTION], "train_caption.jsonl": [QUESTION]})
    assert "licences of their own" not in card
    assert "not all checked by a person" in card


def test_another_data_set_has_another_card(tmp_path: Path) -> None:
    export = ExportConfig(name="toy", title="A toy kitchen: films", license="mit", origin="Drawn by a program.")
    card = card_of(tmp_path, export=export)
    head = head_of(card)
    assert (head["license"], head["pretty_name"], head["tags"][-1]) == ("mit", "A toy kitchen: films", "toy")
    assert "# A toy kitchen: films\n" in card
    assert "Drawn by a program." in card
    assert "EPIC" not in card.replace("EPIC_100_train.csv", "")


def test_every_field_and_view_has_a_word() -> None:
    assert list(FIELDS) == [field.name for field in fields(Sample)]
    assert set(VIEWS) == set(View)


@pytest.mark.parametrize(
    ("num_samples", "name"),
    [
        (1, "n<1K"), (999, "n<1K"), (1000, "1K<n<10K"), (10_000, "10K<n<100K"),
        (153_768, "100K<n<1M"), (1_000_000, "1M<n<10M"),
    ],
)  # fmt: skip
def test_sizes(num_samples: int, name: str) -> None:
    assert size_category(num_samples) == name
