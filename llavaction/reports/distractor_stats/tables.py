"""The figures of specialists and questions as tables."""

from __future__ import annotations

from collections.abc import Sequence

from llavaction.reports.collect import Cell, Table
from llavaction.reports.distractor_stats.collect import DistractorStats, SourceStats
from llavaction.reports.distractor_stats.questions import QuestionStats
from llavaction.sft.prompts import LETTERS
from llavaction.specialists.agreement import ClassDifficulty

Rows = dict[str, tuple[Cell, ...]]


def make_tables(stats: DistractorStats, ks: Sequence[int]) -> list[Table]:
    """All tables, in the order of reading; those without rows are left out."""
    tables = [_recall_table(stats.sources, ks), _pair_table(stats), _answer_table(stats)]
    tables += [_letter_table(name, questions) for name, questions in stats.questions.items()]
    tables += [_kind_table(name, questions) for name, questions in stats.questions.items()]
    for name, source in stats.sources.items():
        tables.append(_class_table(f"Hardest verbs for {name}, percent", source.hardest_verbs))
        tables.append(_class_table(f"Hardest nouns for {name}, percent", source.hardest_nouns))
    return [table for table in tables if table.rows]


def _count(number: int) -> Cell:
    return Cell(number, number, is_share=False)


def _recall_table(sources: dict[str, SourceStats], ks: Sequence[int]) -> Table:
    rows = {
        f"{name} ({source.split})": (
            _count(source.num_segments),
            *(Cell(source.recall.get(k), source.num_segments) for k in ks),
        )
        for name, source in sources.items()
    }
    return Table("Recall of specialists, percent", ("segments", *(f"recall@{k}" for k in ks)), rows)


def _pair_table(stats: DistractorStats) -> Table:
    rows: Rows = {
        " and ".join(pair.names): (
            _count(pair.num_segments),
            Cell(pair.top1_agreement, pair.num_segments),
            Cell(pair.top5_overlap, pair.num_segments),
        )
        for pair in stats.pairs
    }
    return Table("Likeness of specialists, percent", ("segments", "top-1 agreement", "top-5 overlap"), rows)


def _answer_table(stats: DistractorStats) -> Table:
    names = [name for name in stats.sources if any(name in entry.answered for entry in stats.questions.values())]
    rows = {
        name: (
            _count(entry.num_questions),
            *(Cell(entry.answered.get(source), entry.num_questions) for source in names),
        )
        for name, entry in stats.questions.items()
    }
    title = "Questions that the specialists' own rankings answer, percent"
    return Table(title, ("questions", *names), rows if names else {})


def _letter_table(name: str, entry: QuestionStats) -> Table:
    counts = entry.letters.counts
    rows = {"right answers": (*map(_count, counts), Cell(entry.letters.p_value, entry.num_questions))}
    return Table(f"Letters of {name}; p of a fair draw in percent", (*LETTERS[: len(counts)], "p"), rows)


def _kind_table(name: str, entry: QuestionStats) -> Table:
    total = sum(kind.num_options for kind in entry.kinds.values())
    rows = {
        kinship.replace("_", " "): (
            _count(kind.num_options),
            Cell(kind.num_options / total, total),
            *(Cell(share, kind.num_options) for share in kind.preferred.values()),
        )
        for kinship, kind in entry.kinds.items()
    }
    columns = ("wrong options", "share", *(f"before truth by {source}" for source in entry.answered))
    return Table(f"Wrong options of {name}, percent", columns, rows)


def _class_table(title: str, classes: Sequence[ClassDifficulty]) -> Table:
    rows: Rows = {
        entry.name: (
            _count(entry.num_segments),
            Cell(entry.top1, entry.num_segments),
            Cell(entry.recall_at_5, entry.num_segments),
        )
        for entry in classes
    }
    return Table(title, ("segments", "top-1", "recall@5"), rows)
