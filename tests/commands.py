"""Commands in processes of their own, which tests end by signals."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

REPO_ROOT = Path(__file__).resolve().parents[1]


def start_command(arguments: Sequence[str], **environment: str) -> subprocess.Popen[bytes]:
    """Start `llavaction` with these arguments; SIGINT ends it, also below a background job, which ignores it."""
    return subprocess.Popen(
        [sys.executable, "-m", "llavaction", *arguments],
        cwd=REPO_ROOT,
        env={**os.environ, **environment},
        stderr=subprocess.PIPE,
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
    )
