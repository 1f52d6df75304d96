"""Running the scripts of data_prep/: in this process, where it is quicker, or in one of their own."""

from __future__ import annotations

import importlib.util
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

REPO_ROOT = Path(__file__).resolve().parents[2]


def load_script(name: str) -> ModuleType:
    """A script as a module."""
    spec = importlib.util.spec_from_file_location(name, REPO_ROOT / "data_prep" / f"{name}.py")
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    # Dataclasses look their module up.
    sys.modules[name] = module
    spec.loader.exec_module(module)
    return module


@pytest.fixture
def run_script(monkeypatch: pytest.MonkeyPatch) -> Callable[..., int]:
    """Runs `data_prep/NAME.py WORDS` in this process and returns its exit code."""

    def run(name: str, *words: Any) -> int:
        monkeypatch.setattr(sys, "argv", [f"{name}.py", *map(str, words)])
        return int(load_script(name).main())

    return run


def start_script(name: str, *words: Any) -> subprocess.Popen[str]:
    """Starts `data_prep/NAME.py WORDS` in a process of its own, which leads a group of processes."""
    return subprocess.Popen(
        [sys.executable, str(REPO_ROOT / "data_prep" / f"{name}.py"), *map(str, words)],
        env={**os.environ, "PYTHONPATH": str(REPO_ROOT)},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
