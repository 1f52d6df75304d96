from dataclasses import replace

import pytest

from llavaction.evaluation.questions import hash_question
from llavaction.evaluation.row_files import RowFiles
from llavaction.sft.samples import ClipRef
from llavaction.utils.errors import DataError
from tests.evaluation.rows import choice
from tests.evaluation.test_questions import make_samples


def rows(*numbers):
    return [
        replace(choice(number, 0), question_sha256=hash_question(sample))
        for number, sample in zip(numbers, [samples(9)[number] for number in numbers], strict=True)
    ]


def samples(number):
    return [replace(sample, sample_id=f"q/{i}") for i, sample in enumerate(make_samples(number))]


def as_process(monkeypatch, rank, number):
    monkeypatch.setenv("RANK", str(rank))
    monkeypatch.setenv("WORLD_SIZE", str(number))


def test_parts_become_one_file_in_the_order_of_the_samples(tmp_path, monkeypatch):
    files = RowFiles(tmp_path / "rows", "t")
    for rank, own in enumerate([(0, 2), (1, 3)]):
        as_process(monkeypatch, rank, 2)
        files.write([rows(number) for number in own])
    assert files.answered(samples(4)) == {row.sample_id: row for row in rows(0, 1, 2, 3)}
    assert files.merge(samples(4)) == rows(0, 1, 2, 3)
    assert [path.name for path in (tmp_path / "rows").iterdir()] == ["t.jsonl"]
    assert files.merge(samples(4)) == rows(0, 1, 2, 3)


def test_half_a_line_of_a_killed_process_is_answered_again(tmp_path):
    files = RowFiles(tmp_path, "t")
    files.write([rows(0, 1)])
    (part,) = tmp_path.iterdir()
    part.write_text(part.read_text()[:-20])
    assert set(files.answered(samples(2))) == {"q/0"}
    files.write([rows(1)])
    assert files.merge(samples(2)) == rows(0, 1)


def test_a_broken_line_elsewhere_is_an_error(tmp_path):
    files = RowFiles(tmp_path, "t")
    files.write([rows(0, 1)])
    (part,) = tmp_path.iterdir()
    part.write_text("{\n" + part.read_text())
    with pytest.raises(DataError, match=r"part-0-of-1\.jsonl:1"):
        files.answered(samples(2))


@pytest.mark.parametrize("number", [1, 3])
def test_rows_must_be_those_of_the_questions(tmp_path, number):
    files = RowFiles(tmp_path, "t")
    files.write([rows(0, 1)])
    with pytest.raises(DataError, match=f"2 rows for {number} samples of t"):
        files.merge(samples(number))


def test_rows_of_another_build_of_the_samples_are_refused(tmp_path):
    files = RowFiles(tmp_path, "t")
    files.write([rows(0, 1)])
    changed = [replace(sample, clip=ClipRef("P01_02", 0.0, 1.0)) for sample in samples(2)]
    for read in (files.answered, files.merge):
        with pytest.raises(DataError, match="the row of 'q/0' in t is of another question than the sample asks now"):
            read(changed)
