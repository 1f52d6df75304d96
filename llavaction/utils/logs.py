"""Log lines to the console and into the run folder."""

from __future__ import annotations

import logging
import os
import warnings
from pathlib import Path

from rich.logging import RichHandler

from llavaction.utils.console import console
from llavaction.utils.processes import process_rank

_FILE_FORMAT = "%(asctime)s %(levelname)s %(name)s: %(message)s"
_NOISY = ("httpx", "httpx2", "openai", "filelock", "urllib3", "matplotlib", "PIL", "fsspec", "DeepSpeed")


def set_up_logging(run_folder: Path | None = None) -> None:
    """Log to the console and, when given, to `run_folder/log.txt` (one file per process when there are several).

    Only the first process logs to the console below warnings.
    """
    rank = process_rank()
    root = logging.getLogger()
    root.setLevel(logging.INFO)
    for handler in list(root.handlers):
        root.removeHandler(handler)
        handler.close()
    terminal = RichHandler(console=console, show_path=False, log_time_format="%H:%M:%S", rich_tracebacks=False)
    terminal.setLevel(logging.INFO if rank == 0 else logging.WARNING)
    root.addHandler(terminal)
    if run_folder is not None:
        run_folder.mkdir(parents=True, exist_ok=True)
        file = logging.FileHandler(run_folder / ("log.txt" if rank == 0 else f"log_rank{rank}.txt"), encoding="utf-8")
        file.setFormatter(logging.Formatter(_FILE_FORMAT))
        root.addHandler(file)
    for name in _NOISY:
        logging.getLogger(name).setLevel(logging.WARNING)
    # transformers would draw bars of its own between the lines.
    os.environ.setdefault("HF_HUB_DISABLE_PROGRESS_BARS", "1")
    logging.captureWarnings(True)
    warnings.filterwarnings("ignore", category=FutureWarning)
