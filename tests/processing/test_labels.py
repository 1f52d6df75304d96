from pathlib import Path

import pytest

from llavaction.processing.labels import check_labels
from llavaction.processing.mixture import DatasetConfig, MixtureConfig, load_mixture
from llavaction.sft.classes import ClassTable
from llavaction.sft.samples import ActionLabel, ClipRef, Role, Sample, Turn, View, write_samples
from llavaction.utils.errors import DataError

CLASSES = ClassTable(("take", "put"), ("cup", "plate", "knife"), ("0:0", "1:0", "1:1", "1:2"), {})
TURNS = (Turn(Role.USER, "What?"), Turn(Role.ASSISTANT, "take cup"))


def make_sample(action):
    return Sample("direct/x", View.DIRECT, "x", ClipRef("P01_01", 0.0, 1.0), TURNS, action)


@pytest.mark.parametrize("action", [None, ActionLabel(0, 0, 0), ActionLabel(1, 2, 3)])
def test_labels_within_the_classes(action):
    check_labels([make_sample(action)], CLASSES, Path("a.jsonl"))


@pytest.mark.parametrize(
    ("action", "message"),
    [
        (ActionLabel(2, 0, 0), r"a\.jsonl: sample 'direct/x': verb_id = 2, but classes\.json beside it has 2"),
        (ActionLabel(0, 3, 0), "noun_id = 3, .* has 3"),
        (ActionLabel(0, 0, 97), "action_id = 97, .* has 4"),
        (ActionLabel(-1, 0, 0), "verb_id = -1"),
        (ActionLabel(0, "1", 0), "noun_id = '1'"),
        (ActionLabel(0, 0, None), "action_id = None"),
    ],
)
def test_other_labels_are_refused(action, message):
    with pytest.raises(DataError, match=message):
        check_labels([make_sample(action)], CLASSES, Path("a.jsonl"))


def test_a_mixture_is_checked_when_it_is_loaded(tmp_path):
    CLASSES.save(tmp_path)
    write_samples(tmp_path / "a.jsonl", [make_sample(ActionLabel(0, 0, 4))])
    with pytest.raises(DataError, match=r"a\.jsonl: sample 'direct/x': action_id = 4"):
        load_mixture(MixtureConfig({"a": DatasetConfig(str(tmp_path / "a.jsonl"))}), seed=0)
