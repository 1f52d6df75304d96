import pytest

from llavaction.testing.processes import run_commands
from tests.integration.runs import succeed

pytestmark = pytest.mark.slow


def test_answer_about_a_real_video(shared, checkpoint):
    video = str(shared / "data" / "video" / "flipping_a_pancake.mkv")
    question = ["ask", "--video", video, "--question", "What am I doing?", "--start", "2", "--stop", "5.5"]
    output = succeed([*question, f"model.checkpoint={checkpoint}"])
    assert f"checkpoint: {checkpoint}" in output.replace("\n", "")


def test_choice_about_a_real_video(shared, checkpoint):
    video = str(shared / "data" / "video" / "flipping_a_pancake.mkv")
    output = succeed(["ask", "--video", video, f"model.checkpoint={checkpoint}", "--options", "flip it", "open cup"])
    assert output.count("%") == 2
    assert any(line.strip() in ("flip it", "open cup") for line in output.splitlines())


@pytest.mark.parametrize("backend", ["pyav", "decord"])
def test_broken_video_is_one_clear_error(shared, checkpoint, backend):
    if backend == "decord":
        pytest.importorskip("decord")
    video = str(shared / "data" / "video" / "corrupted.mp4")
    arguments = ["ask", "--video", video, f"model.checkpoint={checkpoint}", f"video.backend={backend}"]
    (result,) = run_commands([arguments])
    assert result.returncode == 2
    assert "error:" in result.output and "corrupted.mp4" in result.output
    assert "Traceback" not in result.output


def test_no_checkpoint(tmp_path):
    (result,) = run_commands([["ask", "--video", "x.mp4", f"model.checkpoint={tmp_path}"]])
    assert result.returncode == 2 and "no checkpoint" in result.output
