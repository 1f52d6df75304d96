"""Which questions are judged: the draw, and the record of it that the verdicts are read against."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Hashable, Iterable
from dataclasses import asdict, dataclass
from pathlib import Path

from llavaction.reports.audit.config import AuditConfig, Draw
from llavaction.reports.audit.questions import Question, read_questions
from llavaction.utils.errors import DataError
from llavaction.utils.hashing import file_sha256
from llavaction.utils.jsonl import read_json, write_json
from llavaction.utils.seeding import seed_for

DRAWING_FILE = "drawing.json"


@dataclass(frozen=True)
class Drawing:
    """What was drawn.

    Attributes:
        samples_sha256: hash of each sample file, by its full path.
        sample_ids: the questions, in the order of the page.
    """

    samples_sha256: dict[str, str]
    draw: Draw
    seed: int
    sample_ids: tuple[str, ...]

    def save(self, folder: Path) -> None:
        """Write `drawing.json`."""
        write_json(folder / DRAWING_FILE, {**asdict(self), "draw": str(self.draw)})

    @classmethod
    def load(cls, folder: Path) -> Drawing:
        """Read `drawing.json`.

        Raises:
            DataError: when it is missing or not such a record.
        """
        path = folder / DRAWING_FILE
        if not path.is_file():
            raise DataError(
                f"{path}: no such file; set output=FOLDER to where the questions were drawn, or draw some with "
                "`llavaction audit audit.samples=FILE`"
            )
        row = read_json(path)
        try:
            return cls(dict(row["samples_sha256"]), Draw(row["draw"]), int(row["seed"]), tuple(row["sample_ids"]))
        except (KeyError, TypeError, ValueError) as error:
            raise DataError(f"{path}: {type(error).__name__}: {error}") from None


def make_drawing(config: AuditConfig) -> tuple[Drawing, list[Question]]:
    """Draw from the files of `config`.

    Raises:
        DataError: as `read_questions`.
    """
    questions = draw_questions(read_questions(config.samples).values(), config.num_questions, config.draw, config.seed)
    hashes = {str(Path(path).resolve()): file_sha256(Path(path)) for path in config.samples}
    return Drawing(hashes, config.draw, config.seed, tuple(item.sample.sample_id for item in questions)), questions


def draw_questions(questions: Iterable[Question], number: int, draw: Draw, seed: int) -> list[Question]:
    """At most `number` questions in an order that depends on the seed and their ids alone.

    Strategies take turns, so that each gets its share. Any first part of the list is itself such a draw: who judges
    only the first half of a page has judged a smaller sample, not a slanted one.
    """
    ranked = sorted(questions, key=lambda item: seed_for(seed, "audit", item.sample.sample_id))
    if draw is Draw.PER_ACTION:
        ranked = _take_turns(ranked, lambda item: (item.strategy, item.answer.action))
    return _take_turns(ranked, lambda item: item.strategy)[:number]


def read_drawn(drawing: Drawing, paths: Iterable[str]) -> list[Question]:
    """The questions of a drawing as they stand in its sample files, or in those given.

    Raises:
        DataError: when one is no longer there.
    """
    files = list(paths) or list(drawing.samples_sha256)
    questions = read_questions(files)
    for sample_id in drawing.sample_ids:
        if sample_id not in questions:
            raise DataError(
                f"{', '.join(files)}: no question {sample_id!r}, which was drawn; give the files that it was drawn "
                "from with audit.samples=FILE"
            )
    return [questions[sample_id] for sample_id in drawing.sample_ids]


def _take_turns(questions: list[Question], group: Callable[[Question], Hashable]) -> list[Question]:
    """The first of each group, then the second of each, and so on; within a round the order stays."""
    seen: Counter[Hashable] = Counter()
    rounds = []
    for question in questions:
        rounds.append(seen[group(question)])
        seen[group(question)] += 1
    order = sorted(range(len(questions)), key=rounds.__getitem__)
    return [questions[place] for place in order]
