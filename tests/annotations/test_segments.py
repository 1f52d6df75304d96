from __future__ import annotations

from dataclasses import replace

import pytest

from llavaction.annotations.segments import Segment, SegmentTable
from llavaction.utils.errors import DataError

SEGMENT = Segment("P01_01_0", "P01", "P01_01", 1.5, 4.0, "take plate", "take", "plate", 10, 2)


def table_of(*segment_ids: str) -> SegmentTable:
    return SegmentTable("train.csv", tuple(replace(SEGMENT, segment_id=name) for name in segment_ids))


def test_what_a_segment_derives() -> None:
    assert SEGMENT.action_key == "10:2"
    assert SEGMENT.duration_s == 2.5


def test_a_table_keeps_its_row_order_and_finds_by_id() -> None:
    table = table_of("b", "a", "c")
    assert [segment.segment_id for segment in table] == ["b", "a", "c"]
    assert len(table) == 3
    assert table.get("a") is table.segments[1]
    assert "c" in table
    assert "d" not in table


def test_a_duplicate_id_is_named_with_both_rows() -> None:
    with pytest.raises(DataError, match=r"train\.csv: segment id 'a' stands in data rows 2 and 4"):
        table_of("b", "a", "c", "a")


def test_an_unknown_id_is_an_error() -> None:
    with pytest.raises(DataError, match=r"train\.csv: no segment 'z' among 2 rows"):
        table_of("a", "b").get("z")
