"""scripts/bench_chunks.py on a few seconds: it runs, and its last line can be read."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

REPO_ROOT = Path(__file__).resolve().parents[2]


@pytest.mark.slow
def test_chunks_load_faster(tmp_path: Path) -> None:
    words = [str(REPO_ROOT / "scripts" / "bench_chunks.py"), "--seconds", "15", "--clips", "4", "--passes", "1"]
    environment = {**os.environ, "PYTHONPATH": str(REPO_ROOT)}
    result = subprocess.run([sys.executable, *words], env=environment, capture_output=True, text=True, timeout=200)
    assert result.returncode == 0, result.stderr
    figures = json.loads(result.stdout.splitlines()[-1])
    assert figures["load_ratio"] == pytest.approx(
        figures["short_gop_clips_per_s"] / figures["default_clips_per_s"], rel=0.01
    )
    assert figures["load_ratio"] > 2 and 0.5 < figures["size_ratio"] < 2
    assert set(figures["machine"]) == {"cpus", "python", "av"}
