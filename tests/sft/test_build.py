"""The files of a build and what its manifest says."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path
from typing import Any

import pytest

from llavaction.annotations.epic_kitchens import Split, load_annotations
from llavaction.sft.build import build_sft
from llavaction.sft.classes import ClassTable
from llavaction.sft.config import SftConfig
from llavaction.sft.distractors import DistractorsConfig, StrategyName
from llavaction.sft.distractors.validity import DropReason, ValidityConfig
from llavaction.sft.factory import Recipe
from llavaction.sft.manifest import read_manifest
from llavaction.sft.narrations import OptionText, order_in_time
from llavaction.sft.samples import View, read_samples
from llavaction.utils.errors import ConfigError, DataError
from llavaction.utils.hashing import content_sha256, file_sha256
from llavaction.utils.jsonl import read_json
from llavaction.utils.plain import plain
from tests.annotations.ek100_files import write_ek100
from tests.sft.small_build import build_again, build_small
from tests.sft.worlds import PROMPTS, Row, Rows, make_annotations

FILES = {"train_mqa.jsonl": 10, "train_direct.jsonl": 10, "validation_mqa.jsonl": 4, "validation_direct.jsonl": 4}


def names_in(folder: Path) -> set[str]:
    return {path.name for path in folder.iterdir()}


def test_the_files_of_a_build(tmp_path: Path) -> None:
    annotations, manifest = build_small(tmp_path, "random")
    assert names_in(tmp_path / "sft") == {*FILES, "classes.json", "manifest.json"}
    assert read_json(tmp_path / "sft" / "manifest.json") == manifest == read_manifest(tmp_path / "sft")
    ClassTable.load(tmp_path / "sft").check_same(ClassTable.from_annotations(annotations), "written", "expected")
    for name, count in FILES.items():
        split, view = name.removesuffix(".jsonl").split("_")
        samples = read_samples(tmp_path / "sft" / name)
        assert len(samples) == count
        in_order = sorted(annotations.split(Split(split)), key=order_in_time)
        assert [sample.segment_id for sample in samples] == [segment.segment_id for segment in in_order]
        assert {sample.view for sample in samples} == {View(view)}


def test_the_manifest_counts_and_hashes_its_files(tmp_path: Path) -> None:
    _, manifest = build_small(tmp_path, "random")
    assert {name: entry["samples"] for name, entry in manifest["files"].items()} == FILES
    lines = {name: (tmp_path / "sft" / name).read_text(encoding="utf-8").splitlines() for name in FILES}
    for name, entry in manifest["files"].items():
        assert entry["content_sha256"] == content_sha256(lines[name])
    assert len({entry["content_sha256"] for entry in manifest["files"].values()}) == len(FILES)
    assert manifest["content_sha256"] == content_sha256([line for each in lines.values() for line in each])


def test_the_manifest_says_what_it_was_made_from(tmp_path: Path) -> None:
    annotations, manifest = build_small(tmp_path, "specialist", seed=3)
    assert manifest["seed"] == 3
    assert manifest["distractors"] == "specialist"
    assert manifest["num_options"] == 3
    assert manifest["encoder"] == "hashing"
    assert manifest["prompts"] == {"name": "test", "version": 1, "sha256": PROMPTS.sha256}
    assert manifest["classes"] == {"verbs": 4, "nouns": 5, "actions": 10}
    predictions = [tmp_path / "tim_train.json", tmp_path / "tim_validation.json"]
    assert manifest["sources"] == {**annotations.hashes, **{str(path): file_sha256(path) for path in predictions}}
    assert manifest["config"].keys() == {"sft", "distractors", "prompts", "encoder"}
    assert manifest["config"]["prompts"] == asdict(PROMPTS)
    assert manifest["config"]["sft"] == plain(asdict(SftConfig(num_options=3, seed=3)))
    assert manifest["config"]["distractors"]["fallback"] == ["same_noun", "random"]


def test_the_manifest_counts_letters_and_similarities(tmp_path: Path) -> None:
    _, manifest = build_small(tmp_path, "random")
    entry = manifest["files"]["train_mqa.jsonl"]
    samples = read_samples(tmp_path / "sft" / "train_mqa.jsonl")
    assert entry["letters"] == {
        letter: count
        for at, letter in enumerate("ABC")
        if (count := sum(sample.answer_idx == at for sample in samples))
    }
    similarity = entry["similarity"]
    quantiles = [similarity[f"quantile_{share}"] for share in (0.5, 0.9, 0.99)]
    assert [*quantiles, similarity["max"]] == sorted([*quantiles, similarity["max"]])
    assert 0 < similarity["mean"] < similarity["max"] < 1
    assert similarity["share_above_0.9"] == 0
    assert manifest["files"]["train_direct.jsonl"].keys() == {"samples", "content_sha256"}


def build_ranked(folder: Path, train: Rows, validation: Rows, ranking: list[str], **options: Any) -> dict[str, Any]:
    """Questions about validation with these predictions for each segment; the entry of the manifest."""
    annotations = make_annotations(train, validation)
    entries = {row: {"predictions": ranking, "target": s.action_key} for row, s in enumerate(annotations.validation)}
    (folder / "ranked.json").write_text(json.dumps(entries))
    distractors = DistractorsConfig(
        validation_file=str(folder / "ranked.json"), strategy=StrategyName.SPECIALIST, **options
    )
    sft = SftConfig(splits=[Split.VALIDATION], views=[View.MQA], num_options=4, option_text=OptionText.FIRST_SEEN)
    manifest = build_sft(annotations, Recipe(sft, distractors, PROMPTS), folder / "sft")
    entry: dict[str, Any] = manifest["files"]["validation_mqa.jsonl"]
    return entry


# One class for each reason to drop it beside "take plate".
UNSOUND: dict[DropReason, tuple[str, int, int]] = {
    DropReason.SAME_CLASS: ("take dish", 0, 0),
    DropReason.OVERLAPPING: ("put cup", 1, 1),
    DropReason.SAME_TEXT: ("Take plate!", 1, 2),
    DropReason.SYNONYM: ("grabbing the dishes", 1, 3),
    DropReason.TOO_SIMILAR: ("take plate thing", 2, 1),
}


def test_the_manifest_counts_drops_by_their_reason(tmp_path: Path) -> None:
    sound = [("wash knife", 2, 2), ("wash tap", 2, 3), ("put plate", 1, 0)]
    validation: Rows = [("take plate", 0, 0), Row("put cup", 1, 1, start_s=2.0), ("wash knife", 2, 2)]
    ranking = ["0:0", "1:1", "1:2", "1:3", "2:1", "2:2", "2:3", "1:0"]
    validity = ValidityConfig(max_similarity=0.7)
    entry = build_ranked(tmp_path, [*UNSOUND.values(), *sound], validation, ranking, validity=validity)
    # The first segment drops each of the five, the second its own class, the one beside it and two texts that name it;
    # the third has its four options before its own class is reached.
    assert entry["dropped"] == {
        "overlapping": 4, "same_class": 2, "same_text": 1, "synonym": 1, "too_similar": 1,
    }  # fmt: skip
    assert "fallbacks" not in entry


def test_the_manifest_counts_fallbacks(tmp_path: Path) -> None:
    train = [("put cup", 1, 1), ("put plate", 1, 0), ("wash knife", 2, 2), ("take tap", 0, 3)]
    entry = build_ranked(
        tmp_path,
        train,
        [("take plate", 0, 0)],
        ["1:1"],
        fallback=[StrategyName.SAME_NOUN, StrategyName.SAME_VERB, StrategyName.RANDOM],
    )
    assert entry["fallbacks"] == {"same_noun": 1, "same_verb": 1}
    samples = read_samples(tmp_path / "sft" / "validation_mqa.jsonl")
    assert {option.text: option.source for option in samples[0].options} == {
        "take plate": None, "put cup": "specialist", "put plate": "same_noun", "take tap": "same_verb",
    }  # fmt: skip


def test_a_build_that_runs_out_of_options_names_the_segment(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"segment 'V0': specialist give 1 distractors, 3 are needed"):
        build_ranked(tmp_path, [("put cup", 1, 1)], [("take plate", 0, 0)], ["1:1"], fallback=[])


def test_only_what_is_asked_for_is_built(tmp_path: Path) -> None:
    _, manifest = build_small(tmp_path, "random", splits=[Split.VALIDATION], views=[View.DIRECT])
    assert list(manifest["files"]) == ["validation_direct.jsonl"]
    assert names_in(tmp_path / "sft") == {"classes.json", "manifest.json", "validation_direct.jsonl"}


def test_direct_prediction_needs_no_specialist(tmp_path: Path) -> None:
    annotations = load_annotations(write_ek100(tmp_path))
    recipe = Recipe(SftConfig(views=[View.DIRECT]), DistractorsConfig(strategy=StrategyName.SPECIALIST), PROMPTS)
    assert len(build_sft(annotations, recipe, tmp_path / "sft")["files"]) == 2


def test_a_missing_prediction_file_stops_the_build(tmp_path: Path) -> None:
    annotations = load_annotations(write_ek100(tmp_path))
    recipe = Recipe(SftConfig(), DistractorsConfig(strategy=StrategyName.SPECIALIST), PROMPTS)
    with pytest.raises(ConfigError, match=r"distractors\.train_file=FILE, or leave the split out with sft\.splits"):
        build_sft(annotations, recipe, tmp_path / "sft")


def test_training_and_evaluation_use_their_own_rule(tmp_path: Path) -> None:
    annotations, _ = build_small(tmp_path, "specialist")
    key = annotations.vocabulary.action_id_of_key
    beyond: dict[Split, int] = {}
    for split in Split:
        entries = read_json(tmp_path / f"tim_{split}.json")
        beyond[split] = 0
        rows = {segment.segment_id: row for row, segment in enumerate(annotations.split(split))}
        for sample in read_samples(tmp_path / "sft" / f"{split}_mqa.jsonl"):
            truth = sample.options[sample.answer_idx or 0].action_id
            predictions = entries[str(rows[sample.segment_id or ""])]["predictions"]
            ranked = [key(name) for name in predictions if key(name) != truth]
            beyond[split] += {option.action_id for option in sample.options} - {truth} != set(ranked[:2])
    assert beyond[Split.VALIDATION] == 0
    assert beyond[Split.TRAIN] > 0


def test_shards_are_read_back_and_removed_by_the_next_build(tmp_path: Path) -> None:
    _, whole = build_small(tmp_path, "random", views=[View.DIRECT])
    samples = read_samples(tmp_path / "sft" / "train_direct.jsonl")
    for num_shards in (3, 11, 2):
        _, manifest = build_again(tmp_path, "random", views=[View.DIRECT], num_shards=num_shards)
        assert len(names_in(tmp_path / "sft")) == 2 * num_shards + 2
        assert read_samples(tmp_path / "sft" / "train_direct.jsonl") == samples
        assert manifest["files"] == whole["files"]
    (tmp_path / "sft" / "train_direct-00001-of-00002.jsonl").unlink()
    with pytest.raises(DataError, match="expected the shards"):
        read_samples(tmp_path / "sft" / "train_direct.jsonl")
    build_again(tmp_path, "random", views=[View.DIRECT])
    assert names_in(tmp_path / "sft") == {
        "train_direct.jsonl", "validation_direct.jsonl", "classes.json", "manifest.json",
    }  # fmt: skip


def test_progress_is_told_at_the_end_of_each_file(tmp_path: Path) -> None:
    annotations = load_annotations(write_ek100(tmp_path))
    calls: list[tuple[str, int, int]] = []
    recipe = Recipe(SftConfig(num_options=2), DistractorsConfig(), PROMPTS)
    build_sft(annotations, recipe, tmp_path / "sft", lambda *call: calls.append(call))
    assert calls == [
        ("train_mqa", 10, 10),
        ("train_direct", 10, 10),
        ("validation_mqa", 4, 4),
        ("validation_direct", 4, 4),
    ]


def test_a_stopped_build_leaves_no_manifest(tmp_path: Path) -> None:
    annotations, _ = build_small(tmp_path, "random")

    def stop(name: str, done: int, total: int) -> None:
        if name == "validation_mqa":
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        build_sft(annotations, Recipe(SftConfig(), DistractorsConfig(), PROMPTS), tmp_path / "sft", stop)
    assert "manifest.json" not in names_in(tmp_path / "sft")
    with pytest.raises(DataError, match=r"manifest\.json: no such file; `llavaction build-sft` writes it"):
        read_manifest(tmp_path / "sft")
