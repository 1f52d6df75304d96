"""The rows of a task on disk: a part for each process while they answer, one file when all is answered."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

from llavaction.evaluation.predictions import Row, read_rows
from llavaction.evaluation.questions import hash_question
from llavaction.sft.samples import Sample
from llavaction.utils.errors import DataError
from llavaction.utils.jsonl import dump_line, write_jsonl
from llavaction.utils.processes import num_processes, process_rank


class RowFiles:
    """`{task}.jsonl` of a folder, and its parts."""

    def __init__(self, folder: Path, name: str) -> None:
        self._folder = folder
        self._name = name
        self._whole = folder / f"{name}.jsonl"

    def answered(self, samples: Sequence[Sample]) -> dict[str, Row]:
        """The rows of the samples that have one, by sample id, also in the parts of a run that was stopped.

        Raises:
            DataError: when a row answers another question than the sample of its id.
        """
        rows = {row.sample_id: row for path in self._files() for row in _rows_of_part(path)}
        self._check_same(rows, samples)
        return rows

    def write(self, batches: Iterable[list[Row]]) -> None:
        """Add rows to this process's part, each batch as soon as it is there."""
        self._folder.mkdir(parents=True, exist_ok=True)
        part = self._folder / f"{self._name}.part-{process_rank()}-of-{num_processes()}.jsonl"
        with part.open("a", encoding="utf-8") as file:
            for rows in batches:
                file.writelines(dump_line(row.to_row()) + "\n" for row in rows)
                file.flush()

    def merge(self, samples: Sequence[Sample]) -> list[Row]:
        """All rows in the order of the samples, each exactly once; the parts become one file.

        Raises:
            DataError: when a row is missing, or there are others.
        """
        found = [row for path in self._files() for row in read_rows(path)]
        by_id = {row.sample_id: row for row in found}
        missing = [sample.sample_id for sample in samples if sample.sample_id not in by_id]
        if missing or len(found) != len(samples):
            raise DataError(
                f"{self._folder}: {len(found)} rows for {len(samples)} samples of {self._name}, {len(missing)} missing "
                f"(first: {missing[:1]}); rows of another run? use a new folder with output=FOLDER"
            )
        self._check_same(by_id, samples)
        rows = [by_id[sample.sample_id] for sample in samples]
        write_jsonl(self._whole, (row.to_row() for row in rows))
        for part in self._parts():
            part.unlink()
        return rows

    def _check_same(self, rows: Mapping[str, Row], samples: Sequence[Sample]) -> None:
        for sample in samples:
            row = rows.get(sample.sample_id)
            if row is not None and row.question_sha256 != hash_question(sample):
                raise DataError(
                    f"{self._folder}: the row of {sample.sample_id!r} in {self._name} is of another question than "
                    "the sample asks now; the samples were built anew: use a new folder with output=FOLDER"
                )

    def _files(self) -> list[Path]:
        return [path for path in [self._whole, *self._parts()] if path.exists()]

    def _parts(self) -> list[Path]:
        return sorted(self._folder.glob(f"{self._name}.part-*.jsonl"))


def _rows_of_part(path: Path) -> list[Row]:
    try:
        return read_rows(path)
    except DataError:
        # A killed process leaves half a line at the end of its part; that question is answered again.
        lines = path.read_text(encoding="utf-8").splitlines(keepends=True)
        if ".part-" not in path.name or not lines or lines[-1].endswith("\n"):
            raise
        path.write_text("".join(lines[:-1]), encoding="utf-8")
        return read_rows(path)
