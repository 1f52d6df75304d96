"""scripts/bench_loader.py on a few seconds: every loader runs, ours is faster, and its last line can be read."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

REPO_ROOT = Path(__file__).resolve().parents[2]

# What the benchmark uses of torchcodec, which is not a dependency.
TORCHCODEC = """
import av, numpy, types
class VideoDecoder:
    def __init__(self, path, dimension_order, num_ffmpeg_threads):
        assert dimension_order == "NHWC" and num_ffmpeg_threads == 1
        self.frames = [frame.to_ndarray(format="rgb24") for frame in av.open(path).decode(video=0)]
    def get_frames_at(self, indices):
        images = numpy.stack([self.frames[index] for index in indices])
        return types.SimpleNamespace(data=types.SimpleNamespace(numpy=lambda: images))
"""


@pytest.mark.slow
def test_every_loader_runs_and_ours_is_faster(tmp_path: Path) -> None:
    (tmp_path / "torchcodec").mkdir()
    (tmp_path / "torchcodec" / "__init__.py").touch()
    (tmp_path / "torchcodec" / "decoders.py").write_text(TORCHCODEC)
    words = [str(REPO_ROOT / "scripts" / "bench_loader.py"), "--seconds", "16", "--clips", "2", "--passes", "1"]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join([str(REPO_ROOT), str(tmp_path)])}
    result = subprocess.run([sys.executable, *words], env=environment, capture_output=True, text=True, timeout=280)
    assert result.returncode == 0, result.stderr
    figures = json.loads(result.stdout.splitlines()[-1])
    rates, ratios = figures["clips_per_s"], figures["ratios"]
    for kind in ("default", "short"):
        ratio = figures[f"{kind}_gop_ratio"]
        assert ratio == ratios["pyav"][f"{kind}_16"] > 1.5
        assert ratio == pytest.approx(rates["ours, pyav"][f"{kind}_16"] / rates["plain pyav"][f"{kind}_16"], rel=0.02)
    assert {"pyav", "pyav, seeking", "torchcodec"} <= set(ratios)
    assert "torchcodec" not in figures["absent"]
    assert 0 < figures["pixel_difference"] < 0.1
    assert {"cpus", "python", "av", "torch"} <= set(figures["machine"])
