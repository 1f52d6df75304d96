import json

import pytest

from tests.integration.runs import succeed

pytestmark = pytest.mark.slow


def test_demo_runs_and_finished_steps_are_kept(tmp_path):
    kitchen = ["num_train_participants=2", "num_validation_participants=1", "num_videos_per_participant=1"]
    kitchen += ["num_segments_per_video=12", "fps=6"]
    arguments = ["demo", f"output={tmp_path}", "max_steps=2", *(f"kitchen.{word}" for word in kitchen)]
    output = succeed(arguments)
    assert "hard + action token" in output
    results = json.loads((tmp_path / "results.json").read_text())["results"]
    assert list(results["rows"]) == ["untrained", "random distractors", "hard distractors", "hard + action token"]
    last = results["rows"]["hard + action token"]
    assert all(0 <= cell["value"] <= 1 and cell["num_questions"] == 12 for cell in last.values())
    assert results["rows"]["untrained"]["head verb"]["value"] is None
    assert "| hard + action token |" in (tmp_path / "results.md").read_text()
    assert (tmp_path / "gallery.png").read_bytes().startswith(b"\x89PNG")
    weights = tmp_path / "train" / "hard" / "checkpoint" / "model.safetensors"
    before = weights.stat().st_mtime_ns
    succeed(arguments)
    assert weights.stat().st_mtime_ns == before
    for run in ("train/hard", "evaluate/hard", "sft/random"):
        record = json.loads((tmp_path / run / "run.json").read_text())
        assert record["data_sha256"] and record["versions"]["torch"]
        assert (tmp_path / run / "config.yaml").is_file() and (tmp_path / run / "log.txt").is_file()
