"""How long the data factory takes, and how much memory, on real annotations.

    python scripts/bench_build_sft.py --annotations EK100_FOLDER
    python scripts/bench_build_sft.py --annotations FOLDER --train-file EPIC_100_train_part.csv

Builds every view that is made from annotations and predictions, for both splits, and then the benchmark, each by the
command that a user would type, in a process of its own, once in that process alone and once with two workers. There is
no public prediction file, so one is made up first: for every segment a ranking of 20 actions, drawn by its id. Prints
a table, and last a line of JSON: seconds, peak memory over all processes in MiB, and the machine.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import resource
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

from llavaction.annotations.epic_kitchens import Annotations, AnnotationsConfig, Split, load_annotations
from llavaction.utils.draws import draws_for

TOP_K = 20
IMPORT_RUNS = 7


def main() -> None:
    """Measure, print the table and the line of JSON."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--annotations", type=Path, required=True, help="folder of the EK100 CSVs")
    parser.add_argument("--train-file", default="EPIC_100_train.csv", help="name of the training CSV")
    options = parser.parse_args()
    config = AnnotationsConfig(str(options.annotations), train_file=options.train_file)
    annotations = load_annotations(config)
    figures: dict[str, object] = {
        "train_segments": len(annotations.train),
        "validation_segments": len(annotations.validation),
        **import_figures(),
    }
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        sources = [f"paths.annotations={options.annotations}", f"annotations.train_file={options.train_file}"]
        sources += ["distractors=specialist"]
        for split in Split:
            path = folder / f"{split}.json"
            write_predictions(path, annotations, split)
            sources.append(f"distractors.{split}_file={path}")
        for workers in (0, 2):
            total_s, peak = 0.0, 0.0
            for sft in ("all_views", "mqa_benchmark"):
                output = folder / f"{sft}_{workers}"
                seconds, mib = build([*sources, f"sft={sft}", f"sft.num_workers={workers}", f"output={output}"])
                figures[f"{sft}_s_{workers}_workers"] = round(seconds, 1)
                total_s, peak = total_s + seconds, max(peak, mib)
            figures[f"total_s_{workers}_workers"] = round(total_s, 1)
            figures[f"peak_mib_{workers}_workers"] = round(peak)
        manifest = json.loads((folder / "all_views_0" / "manifest.json").read_text())
        figures["samples"] = sum(entry["samples"] for entry in manifest["files"].values())
        hashes = {
            json.loads((folder / f"mqa_benchmark_{workers}" / "manifest.json").read_text())["content_sha256"]
            for workers in (0, 2)
        }
        figures["same_content"] = len(hashes) == 1
    figures["machine"] = {"cpus": os.cpu_count(), "python": platform.python_version(), "arch": platform.machine()}
    for name, value in figures.items():
        print(f"{name:32} {value}")
    print(json.dumps(figures))


def write_predictions(path: Path, annotations: Annotations, split: Split) -> None:
    """A made-up ranking per segment in the public format."""
    keys = annotations.vocabulary.action_keys
    entries = {}
    for row, segment in enumerate(annotations.split(split)):
        draws = draws_for(0, segment.segment_id, "ranking")
        ranked = dict.fromkeys(keys[draws.below(len(keys))] for _ in range(2 * TOP_K))
        entries[str(row)] = {"predictions": list(ranked)[:TOP_K], "target": segment.action_key}
    path.write_text(json.dumps(entries))


def build(words: list[str]) -> tuple[float, float]:
    """Wall time in seconds and peak memory of all its processes in MiB of one `llavaction build-sft`."""
    start = time.perf_counter()
    process = subprocess.Popen([sys.executable, "-m", "llavaction", "build-sft", *words], stderr=subprocess.PIPE)
    peak = Peak(process.pid)
    _, errors = process.communicate()
    seconds = time.perf_counter() - start
    if process.returncode:
        raise SystemExit(errors.decode())
    return seconds, peak.stop()


class Peak:
    """Watches the memory of a process and its children: proportional set size, so that shared pages count once."""

    def __init__(self, pid: int) -> None:
        self._pid = pid
        self._mib = 0.0
        self._done = threading.Event()
        self._thread = threading.Thread(target=self._watch)
        self._thread.start()

    def stop(self) -> float:
        """The peak in MiB; where /proc does not exist, the largest single process."""
        self._done.set()
        self._thread.join()
        return self._mib or resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 1024

    def _watch(self) -> None:
        while not self._done.wait(0.2):
            self._mib = max(self._mib, sum(map(pss_mib, tree(self._pid))))


def tree(pid: int) -> list[int]:
    """A process and its descendants."""
    try:
        children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    except OSError:
        return [pid]
    return [pid, *(each for child in children for each in tree(int(child)))]


def pss_mib(pid: int) -> float:
    """Proportional set size of a process, 0 when it has ended."""
    try:
        lines = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()
    except OSError:
        return 0.0
    return next((int(line.split()[1]) / 1024 for line in lines if line.startswith("Pss:")), 0.0)


def import_figures() -> dict[str, object]:
    """Median seconds that importing the builder adds to a bare interpreter, and whether torch came with it."""

    def median(code: str) -> float:
        times = []
        for _ in range(IMPORT_RUNS):
            start = time.perf_counter()
            subprocess.run([sys.executable, "-c", code], check=True)
            times.append(time.perf_counter() - start)
        return statistics.median(times)

    code = "import llavaction.sft.build"
    probe = f"{code}; import sys; sys.exit('torch' in sys.modules)"
    torch = subprocess.run([sys.executable, "-c", probe], check=False).returncode != 0
    return {"import_s": round(median(code) - median("pass"), 3), "imports_torch": torch}


if __name__ == "__main__":
    main()
