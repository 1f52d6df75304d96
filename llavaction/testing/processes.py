"""Commands of this project in processes of their own, one or several."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Sequence

from llavaction.testing.warm import ROOT, CommandResult, Started, command_environment, free_port, warm_process

__all__ = ["ROOT", "CommandResult", "Started", "fork_command", "run_command", "run_commands", "start_command"]

COMMAND_LINE = "llavaction.cli.main:main"


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
        launcher += [f"--master_port={free_port()}", "-m", "llavaction"]
    return subprocess.run(
        [*launcher, *arguments],
        env=command_environment(),
        text=True,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        timeout=timeout_s,
        check=False,
    )


def run_commands(
    commands: Sequence[Sequence[str]], *, num_processes: int = 1, timeout_s: float = 120
) -> list[CommandResult]:
    """Run `llavaction ARGUMENTS` for each of `commands`, one after the other, whatever their return codes.

    Nearly free to start: each command gets new processes, forks of one that has imported torch, transformers and
    DeepSpeed and lives as long as this process does. A command sees what torchrun would tell it, and knows nothing of
    those before it.

    Args:
        num_processes: processes of each command.
        timeout_s: longest time of each command; one that takes longer is stopped, its output ends with the stack of
            each process, and its return code is 124.
    """
    return [fork_command(command, num_processes=num_processes, timeout_s=timeout_s).wait() for command in commands]


def fork_command(
    arguments: Sequence[str], *, num_processes: int = 1, timeout_s: float = 120, function: str = COMMAND_LINE
) -> Started:
    """Start one such command and do not wait for it, so that its processes can be watched or killed.

    Args:
        function: `module:name` of what each process calls with `arguments` in place of the command line.
    """
    return warm_process().start(function, arguments, num_processes, timeout_s)
