import torch

from llavaction.processing.batch import Collator, Skipped, model_arguments, pad_rows
from llavaction.processing.processor import Example


def make_example(name, length, *num_frames):
    ids = torch.arange(1, length + 1)
    return Example(name, ids, ids.clone(), torch.ones(sum(num_frames), 3, 4, 4), num_frames, (0, 1, 2))


def test_padding_sides():
    rows = [torch.tensor([1, 2, 3]), torch.tensor([4])]
    right, right_mask = pad_rows(rows, 9)
    left, left_mask = pad_rows(rows, 9, left=True)
    assert right.tolist() == [[1, 2, 3], [4, 9, 9]] and right_mask.tolist() == [[1, 1, 1], [1, 0, 0]]
    assert left.tolist() == [[1, 2, 3], [9, 9, 4]] and left_mask.tolist() == [[1, 1, 1], [0, 0, 1]]


def test_batch_of_different_lengths_and_frames():
    batch = Collator(pad_id=0, resolution=4)([make_example("a", 3, 2), make_example("b", 5, 1)])
    assert batch["sample_ids"] == ["a", "b"]
    assert batch["input_ids"].tolist() == [[1, 2, 3, 0, 0], [1, 2, 3, 4, 5]]
    assert batch["labels"].tolist() == [[1, 2, 3, -100, -100], [1, 2, 3, 4, 5]]
    assert batch["attention_mask"].sum().item() == 8
    assert batch["pixel_values_videos"].shape == (3, 3, 4, 4)
    assert batch["num_frames_per_video"].tolist() == [2, 1]
    assert batch["action_labels"].tolist() == [[0, 1, 2], [0, 1, 2]]


def test_rows_show_one_medium_several_or_nothing():
    batch = Collator(pad_id=0, resolution=4)(
        [make_example("a", 3, 2), make_example("b", 2), make_example("c", 4, 1, 3, 1)]
    )
    assert batch["num_frames_per_video"].tolist() == [2, 1, 3, 1]
    assert batch["pixel_values_videos"].shape == (7, 3, 4, 4)


def test_nothing_shown_at_all():
    batch = Collator(pad_id=0, resolution=4)([make_example("a", 3), make_example("b", 2)])
    assert batch["pixel_values_videos"].shape == (0, 3, 4, 4)
    assert batch["num_frames_per_video"].shape == (0,) and batch["num_frames_per_video"].dtype == torch.long


BAD = Skipped("bad", 3, "P01_01.MP4: cannot be decoded")


def test_what_was_skipped_is_left_out_and_named():
    collator = Collator(pad_id=0, resolution=4)
    batch = collator([make_example("a", 3, 2), BAD, make_example("b", 5, 1)])
    assert batch.pop("skipped") == [BAD]
    others = collator([make_example("a", 3, 2), make_example("b", 5, 1)])
    assert others.pop("skipped") == [] and batch.keys() == others.keys()
    assert all(torch.equal(batch[name], others[name]) for name in model_arguments(others))
    assert batch["sample_ids"] == ["a", "b"]


def test_nothing_left_is_one_row_that_teaches_nothing():
    batch = Collator(pad_id=7, resolution=4)([BAD, BAD])
    assert batch["sample_ids"] == [] and batch["skipped"] == [BAD, BAD]
    assert batch["input_ids"].tolist() == [[7]] and batch["labels"].tolist() == [[-100]]
    assert batch["attention_mask"].tolist() == [[1]] and batch["action_labels"].tolist() == [[-1, -1, -1]]
    assert batch["pixel_values_videos"].shape == (0, 3, 4, 4) and batch["num_frames_per_video"].shape == (0,)


def test_the_model_is_given_its_arguments_alone():
    batch = Collator(pad_id=0, resolution=4)([make_example("a", 3, 2)])
    assert batch.keys() - model_arguments(batch).keys() == {"sample_ids", "skipped"}
