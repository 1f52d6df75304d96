"""Builds of the views beside plain questions: earlier actions, an annotator's words, replay."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from llavaction.annotations.epic_kitchens import Split
from llavaction.sft.prior_actions import PriorConfig
from llavaction.sft.replay import ReplayConfig
from llavaction.sft.samples import View, read_samples
from llavaction.utils.errors import DataError
from llavaction.utils.hashing import file_sha256
from llavaction.utils.jsonl import write_jsonl
from tests.sft.small_build import build_small, write_clip_annotations, write_conversations


def test_earlier_actions_are_told_and_counted(tmp_path: Path) -> None:
    views = [View.MQA, View.TEMPORAL_ORDER]
    annotations, manifest = build_small(tmp_path, "random", views=views)
    assert manifest["files"]["validation_temporal_order.jsonl"]["prior"] == {"none_before": 2, "told": 2}
    train = manifest["files"]["train_temporal_order.jsonl"]["prior"]
    assert train["none_before"] == 2 and train["told"] + train["not_chosen"] == 8
    for split in Split:
        plain_ones, told = (read_samples(tmp_path / "sft" / f"{split}_{view}.jsonl") for view in views)
        assert [sample.options for sample in plain_ones] == [sample.options for sample in told]
        for sample in told:
            assert [action.text for action in sample.prior] == [
                annotations.split(split).get(action.segment_id).narration for action in sample.prior
            ]


def test_a_models_answers_are_told_in_validation_and_hashed(tmp_path: Path) -> None:
    path = tmp_path / "answers.jsonl"
    write_jsonl(path, [{"segment_id": f"P02_07_{number}", "text": f"answer {number}"} for number in (0, 1)])
    prior = PriorConfig(answers_file=str(path), train_share=1.0)
    _, manifest = build_small(tmp_path, "random", views=[View.TEMPORAL_ORDER], prior=prior)
    assert manifest["files"]["validation_temporal_order.jsonl"]["prior"] == {
        "no_answer": 1, "none_before": 2, "told": 1,
    }  # fmt: skip
    assert manifest["sources"][str(path)] == file_sha256(path)
    told = read_samples(tmp_path / "sft" / "validation_temporal_order.jsonl")[2].prior
    assert [action.text for action in told] == ["answer 0", "answer 1"]
    assert manifest["files"]["train_temporal_order.jsonl"]["prior"] == {"none_before": 2, "told": 8}


def test_candidates_are_a_models_ranking_and_the_truth_in_it_is_counted(tmp_path: Path) -> None:
    annotations, manifest = build_small(
        tmp_path, "specialist", views=[View.CANDIDATES], splits=[Split.VALIDATION], num_candidates=6
    )
    ranked = json.loads((tmp_path / "tim_validation.json").read_text())
    samples = read_samples(tmp_path / "sft" / "validation_candidates.jsonl")
    within = {1: 0, 5: 0, 6: 0}
    for row, (segment, sample) in enumerate(zip(annotations.validation, samples, strict=True)):
        keys = [annotations.vocabulary.action_keys[option.action_id] for option in sample.options]
        assert keys == ranked[str(row)]["predictions"][:6]
        assert sample.segment_id == segment.segment_id
        for k in within:
            within[k] += segment.action_key in keys[:k]
    assert list(manifest["files"]) == ["validation_candidates.jsonl"]
    entry = manifest["files"]["validation_candidates.jsonl"]
    assert entry["truth_within"] == {str(k): count for k, count in within.items()}
    assert 0 < within[6] < 4  # the miniature has questions with the truth and without
    assert manifest["sources"][str(tmp_path / "tim_validation.json")] == file_sha256(tmp_path / "tim_validation.json")
    assert manifest["encoder"] is None


def test_what_has_no_annotation_is_left_out_and_counted(tmp_path: Path) -> None:
    file = write_clip_annotations(tmp_path, "P01_01_2", "P01_01_0", "P02_07_3")
    _, manifest = build_small(tmp_path, "random", views=[View.CAPTION, View.QA], clip_annotations=[file])
    for name, count, left_out in (("train", 2, 8), ("validation", 1, 3)):
        for view in ("caption", "qa"):
            entry = manifest["files"][f"{name}_{view}.jsonl"]
            assert (entry["samples"], entry["left_out"]) == (count, {"not_annotated": left_out})
    assert manifest["sources"][file] == file_sha256(Path(file))
    captions, questions = (read_samples(tmp_path / "sft" / f"train_{view}.jsonl") for view in ("caption", "qa"))
    assert [sample.segment_id for sample in captions] == ["P01_01_0", "P01_01_2"]
    assert [turn.text for turn in captions[1].turns] == ["Describe it.", "This is P01_01_2."]
    assert [turn.text for turn in questions[1].turns] == ["Where?", "Here.", "When?", "Now."]
    assert captions[0].sample_id == "caption/P01_01_0" and questions[0].sample_id == "qa/P01_01_0"
    assert captions[0].action == questions[0].action is not None


def test_a_view_without_any_sample_is_refused(tmp_path: Path) -> None:
    file = write_clip_annotations(tmp_path, "P01_01_2")
    with pytest.raises(DataError, match="nothing to build: no segment of the chosen splits is annotated"):
        build_small(tmp_path, "random", views=[View.CAPTION], splits=[Split.VALIDATION], clip_annotations=[file])


def test_a_split_that_is_not_annotated_has_no_file(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    file = write_clip_annotations(tmp_path, "P01_01_2")
    _, manifest = build_small(tmp_path, "random", views=[View.CAPTION, View.DIRECT], clip_annotations=[file])
    assert set(manifest["files"]) == {"train_caption.jsonl", "train_direct.jsonl", "validation_direct.jsonl"}
    assert "validation_caption: no segment of this split is annotated; no file is written" in caplog.text


def test_an_annotation_of_an_unknown_segment_is_refused(tmp_path: Path) -> None:
    file = write_clip_annotations(tmp_path, "P01_01_0", "P09_09_9")
    with pytest.raises(DataError, match=r"annotations\.jsonl: segment 'P09_09_9' is in neither split"):
        build_small(tmp_path, "random", views=[View.QA], clip_annotations=[file])


def test_a_segment_in_two_annotation_files_is_refused(tmp_path: Path) -> None:
    (tmp_path / "more").mkdir()
    files = [write_clip_annotations(folder, "P01_01_0", "P02_07_0") for folder in (tmp_path, tmp_path / "more")]
    with pytest.raises(DataError, match=r"more/annotations\.jsonl: segment 'P01_01_0' is annotated in another file"):
        build_small(tmp_path, "random", views=[View.QA], clip_annotations=files)


def test_replay_is_counted_and_made_for_training_alone(tmp_path: Path) -> None:
    replay = ReplayConfig(write_conversations(tmp_path, 5), limit=3)
    _, manifest = build_small(tmp_path, "random", views=[View.DIRECT, View.REPLAY], replay=replay)
    assert set(manifest["files"]) == {"train_direct.jsonl", "train_replay.jsonl", "validation_direct.jsonl"}
    entry = manifest["files"]["train_replay.jsonl"]
    assert entry["samples"] == len(read_samples(tmp_path / "sft" / "train_replay.jsonl")) == 3
    assert entry["replay"] == {"entries": 5, "missing_ids": 0, "over_limit": 2, "repeated_ids": 0, "samples": 3}
    assert manifest["sources"][replay.path] == file_sha256(Path(replay.path))
