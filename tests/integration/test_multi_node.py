"""scripts/train_multi_node.sh: two machines, here on the loopback, compute what two processes of one do."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from llavaction.testing.warm import ROOT, command_environment, free_port
from tests.integration.runs import ENGINES, read_losses, succeed

pytestmark = pytest.mark.slow


def start_node(number, port, arguments, log):
    environment = {
        **command_environment(),
        "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}",
        "NNODES": "2",
        "NODE_RANK": str(number),
        "NODE_ADDR": "127.0.0.1",
        "MASTER_ADDR": "127.0.0.1",
        "MASTER_PORT": str(port),
        "GPUS_PER_NODE": "1",
    }
    script = ["bash", str(ROOT / "scripts" / "train_multi_node.sh"), *arguments]
    return subprocess.Popen(script, env=environment, stdout=log, stderr=subprocess.STDOUT, start_new_session=True)


def test_two_machines_have_the_losses_of_one(train_arguments, tmp_path):
    arguments = [*train_arguments, "train.batch_size=2", "train.max_steps=3", *ENGINES["zero3"]]
    succeed([*arguments, f"output={tmp_path / 'one'}"], num_processes=2)
    port = free_port()
    with (tmp_path / "log.txt").open("w") as log:
        # Machine 0, which the other waits for, comes last.
        nodes = [start_node(n, port, [*arguments[1:], f"output={tmp_path / 'two'}"], log) for n in (1, 0)]
        try:
            codes = [node.wait(timeout=240) for node in nodes]
        finally:
            for node in nodes:
                node.kill()
    assert codes == [0, 0], (tmp_path / "log.txt").read_text()[-6000:]
    losses = read_losses(tmp_path / "one")
    assert len(losses) == 3 and read_losses(tmp_path / "two") == losses


def test_what_is_missing_is_named():
    environment = {"PATH": os.environ["PATH"], "NNODES": "2", "NODE_RANK": "1"}
    script = ["bash", str(ROOT / "scripts" / "train_multi_node.sh")]
    result = subprocess.run(script, env=environment, text=True, capture_output=True, timeout=60, check=False)
    assert result.returncode != 0 and "MASTER_ADDR: set it to the address of machine 0" in result.stderr
