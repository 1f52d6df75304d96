"""What `pip install` gives works in any folder, configs included."""

import os
import subprocess
import sys
import sysconfig
from pathlib import Path

import pytest

from llavaction.testing.processes import ROOT

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def command(tmp_path_factory):
    """The installed command of a fresh environment that borrows the dependencies, not the checkout."""
    folder = tmp_path_factory.mktemp("wheel")
    run([sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", folder, ROOT])
    run([sys.executable, "-m", "venv", folder / "venv"])
    python = folder / "venv" / "bin" / "python"
    site = run([python, "-c", "import sysconfig; print(sysconfig.get_path('purelib'))"]).strip()
    # Folders named in a .pth file are searched, but .pth files in them (the editable install) are not read.
    Path(site, "borrowed.pth").write_text(sysconfig.get_path("purelib") + "\n")
    run([python, "-m", "pip", "install", "--quiet", "--no-deps", "--no-index", *folder.glob("*.whl")])
    return folder / "venv" / "bin" / "llavaction"


def run(arguments, **options):
    result = subprocess.run(arguments, text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, **options)
    assert result.returncode == 0, result.stdout
    return result.stdout


def run_elsewhere(command, arguments, folder):
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    return run([command, *arguments], cwd=folder, env={**environment, "COLUMNS": "200"})


def test_configs_are_inside(command, tmp_path):
    text = run_elsewhere(command, ["train", "--config", "experiment=toy_kitchen/hard"], tmp_path)
    assert "model_type: qwen2" in text


def test_help(command, tmp_path):
    assert "toy_kitchen/hard_action_token" in run_elsewhere(command, ["train", "--help"], tmp_path)


def test_data_can_be_built(command, kitchen, tmp_path):
    run_elsewhere(command, ["build-sft", f"paths.annotations={kitchen}/kitchen/annotations"], tmp_path)
    assert (tmp_path / "runs" / "sft" / "random" / "validation_mqa.jsonl").is_file()
