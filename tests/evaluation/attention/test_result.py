"""The JSON file and the arrays hold all figures, and nothing that JSON does not know."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pytest

from llavaction.evaluation.attention.places import GROUPS, Query, TokenGroup
from llavaction.evaluation.attention.records import Run
from llavaction.evaluation.attention.result import save_maps, to_json
from llavaction.evaluation.attention.summary import summarise
from llavaction.utils.jsonl import read_json, write_json
from tests.evaluation.attention.worlds import INFOS, clips_of

CLIPS = clips_of(5)


@pytest.fixture(scope="module")
def result(tmp_path_factory):
    """What is read back from the file."""
    path = tmp_path_factory.mktemp("attention") / "attention.json"
    write_json(path, to_json(summarise(CLIPS, INFOS, seed=0), CLIPS))
    assert "NaN" not in path.read_text(encoding="utf-8")
    return read_json(path)


def test_runs_have_their_words_as_keys(result):
    assert (result["num_questions"], result["num_videos"]) == (5, 3)
    assert list(result["runs"]) == ["as_trained", "action_token_left_out", "other"]
    assert list(result["runs"]["as_trained"]["attention"]) == ["answer", "action_token"]
    assert list(result["differences_from_the_first_run"]) == ["action_token_left_out", "other"]
    run = result["runs"]["other"]
    assert (run["checkpoint"], run["num_layers"], run["num_heads"]) == ("runs/other", 3, 2)


def test_shares_per_layer_sum_to_one(result):
    for run in result["runs"].values():
        for seen in run["attention"].values():
            layers = zip(*(share["value"] for share in seen["shares"].values()), strict=True)
            assert [sum(layer) for layer in layers] == pytest.approx([1] * run["num_layers"])
            for share in seen["shares"].values():
                assert all(low <= value <= high for value, low, high in zip(*share.values(), strict=True))
    for question in result["questions"]:
        for run in question["runs"].values():
            layers = zip(*run["attention"]["answer"]["shares"].values(), strict=True)
            assert all(sum(layer) == pytest.approx(1) for layer in layers)


def test_heads_average_to_the_layers(result):
    for run in result["runs"].values():
        for seen in run["attention"].values():
            for group, heads in seen["heads"].items():
                assert np.shape(heads) == (run["num_layers"], run["num_heads"])
                assert np.mean(heads, axis=1) == pytest.approx(seen["shares"][group]["value"])


def test_questions_average_to_the_summary(result):
    for name, run in result["runs"].items():
        each = [question["runs"][name] for question in result["questions"]]
        for group, share in run["attention"]["answer"]["shares"].items():
            mean = np.mean([one["attention"]["answer"]["shares"][group] for one in each], axis=0)
            assert mean == pytest.approx(share["value"])
        for likeness, curve in run["likeness"].items():
            mean = np.mean([one["likeness"][likeness] for one in each], axis=0)
            assert mean == pytest.approx(curve["value"]) and len(mean) == run["num_layers"] + 1
        mean = np.mean([one["answer_log_likelihood"] for one in each])
        assert mean == pytest.approx(run["answer_log_likelihood"]["value"])


def test_frames_add_up_to_the_patches_share(result):
    for question in result["questions"]:
        for run in question["runs"].values():
            seen = run["attention"]["answer"]
            assert np.sum(seen["frames"], axis=1) == pytest.approx(seen["shares"]["visual"])


def test_one_video_gives_nulls_for_intervals():
    clips = clips_of(1)
    result = json.loads(json.dumps(to_json(summarise(clips, INFOS, seed=0), clips), allow_nan=False))
    share = result["runs"]["as_trained"]["attention"]["answer"]["shares"]["visual"]
    assert share["low"] == share["high"] == [None] * 6


def test_maps_of_the_questions_that_were_drawn(tmp_path):
    measured = CLIPS[1].measured[Run.AS_TRAINED]
    bare = {query: replace(seen, map_LThh=None) for query, seen in measured.attention.items()}
    without = replace(CLIPS[1], measured={Run.AS_TRAINED: replace(measured, attention=bare)}, frames={})
    save_maps([CLIPS[0], without], tmp_path / "maps.npz")
    with np.load(tmp_path / "maps.npz", allow_pickle=False) as maps:
        assert set(maps) == {
            *("mqa/0/as_trained/answer", "mqa/0/as_trained/action_token"),
            *("mqa/0/action_token_left_out/answer", "mqa/0/other/answer"),
        }
        seen = CLIPS[0].measured[Run.AS_TRAINED].attention[Query.ANSWER]
        assert np.array_equal(maps["mqa/0/as_trained/answer"], seen.map_LThh)
        visual = seen.shares_LHG[..., GROUPS.index(TokenGroup.VISUAL)].mean(1)
        assert maps["mqa/0/as_trained/answer"].sum((1, 2, 3)) == pytest.approx(visual)
