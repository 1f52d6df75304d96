"""Commands of this project in processes of their own, one or several."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]


def run_command(arguments: Sequence[str], *, num_processes: int = 1, timeout_s: float = 240) -> str:
    """Run `llavaction ARGUMENTS`, under torchrun when `num_processes` is above 1, and return its output.

    Raises:
        AssertionError: with the output, when it fails.
    """
    result = start_command(arguments, num_processes=num_processes, timeout_s=timeout_s)
    assert result.returncode == 0, f"{' '.join(arguments)}\n{result.stdout[-6000:]}"
    return result.stdout


def start_command(
    arguments: Sequence[str], *, num_processes: int = 1, timeout_s: float = 240
) -> subprocess.CompletedProcess[str]:
    """The same, whatever the exit code; a command that hangs is killed and fails."""
    launcher = [sys.executable, "-m", "llavaction"]
    if num_processes > 1:
        launcher = [sys.executable, "-m", "torch.distributed.run", f"--nproc_per_node={num_processes}"]
        launcher += [f"--master_port={_free_port()}", "-m", "llavaction"]
    environment = {
        **os.environ,
        "PYTHONPATH": str(ROOT),
        "OMP_NUM_THREADS": "1",
        "HF_HUB_OFFLINE": "1",
        "COLUMNS": "200",
    }
    return subprocess.run(
        [*launcher, *arguments],
        env=environment,
        text=True,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        timeout=timeout_s,
        check=False,
    )


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
