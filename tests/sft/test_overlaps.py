from __future__ import annotations

from hypothesis import given

from llavaction.annotations.epic_kitchens import Annotations
from llavaction.sft.overlaps import overlapping_actions
from tests.properties import reproducible
from tests.sft.worlds import Row, all_segments, make_annotations, overlap_in_time, worlds


@reproducible
@given(worlds)
def test_all_pairs_give_the_same(annotations: Annotations) -> None:
    segments = [segment for segment, _ in all_segments(annotations)]
    expected = {
        one.segment_id: {(other.verb_id, other.noun_id) for other in segments if overlap_in_time(one, other)}
        for one in segments
    }
    assert overlapping_actions(annotations) == {name: actions for name, actions in expected.items() if actions}


def test_touching_and_other_videos_do_not_overlap() -> None:
    rows = [
        Row("take plate", 0, 0, 0.0, 60.0),
        Row("put cup", 1, 1, 10.0, 5.0),
        Row("wash cup", 2, 1, 15.0, 5.0),  # begins when the second stops
        Row("wash tap", 2, 3, 10.0, 5.0, "P01_02"),
    ]
    annotations = make_annotations(rows, [])
    assert overlapping_actions(annotations) == {"T0": {(1, 1), (2, 1)}, "T1": {(0, 0)}, "T2": {(0, 0)}}


def test_segments_of_one_class_overlap_too() -> None:
    rows = [Row("take plate", 0, 0, 0.0, 5.0), Row("take dish", 0, 0, 1.0, 1.0)]
    assert overlapping_actions(make_annotations(rows, [])) == {"T0": {(0, 0)}, "T1": {(0, 0)}}
