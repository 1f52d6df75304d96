import pytest

from llavaction.processing.mixture import DatasetConfig, MixtureConfig, load_mixture
from llavaction.sft.classes import ClassTable
from llavaction.sft.samples import ClipRef, Role, Sample, Turn, View, write_samples
from llavaction.utils.errors import ConfigError, DataError

CLASSES = ClassTable(("take", "put"), ("cup",), ("0:0", "1:0"), {"take cup": "0:0"})


def write_dataset(folder, name, num_samples=100, classes=CLASSES):
    folder.mkdir(parents=True, exist_ok=True)
    classes.save(folder)
    turns = (Turn(Role.USER, "What?"), Turn(Role.ASSISTANT, "take cup"))
    write_samples(
        folder / f"{name}.jsonl",
        [Sample(f"{name}/{i}", View.DIRECT, str(i), ClipRef("P01_01", 0.0, 1.0), turns) for i in range(num_samples)],
    )
    return str(folder / f"{name}.jsonl")


def load(seed=0, **paths_and_repeats):
    return load_mixture(MixtureConfig({k: DatasetConfig(*v) for k, v in paths_and_repeats.items()}), seed)


def test_repeats(tmp_path):
    path = write_dataset(tmp_path, "a")
    mixture = load(a=(path, 2.5))
    taken = [sample.sample_id for sample in mixture.samples]
    assert mixture.counts == {"a": len(taken)}
    assert all(taken.count(f"a/{i}") in (2, 3) for i in range(100))
    assert 230 < len(taken) < 270


def test_fraction_depends_on_seed_and_sample_only(tmp_path):
    path = write_dataset(tmp_path, "a")
    other = write_dataset(tmp_path / "b", "b")
    alone = [sample.sample_id for sample in load(a=(path, 0.3)).samples]
    beside = [sample.sample_id for sample in load(a=(path, 0.3), b=(other, 1.0)).samples]
    assert alone == [name for name in beside if name.startswith("a/")]
    assert alone != [sample.sample_id for sample in load(seed=1, a=(path, 0.3)).samples]


def test_same_sample_in_two_datasets(tmp_path):
    path = write_dataset(tmp_path, "a")
    with pytest.raises(ConfigError, match="both hold sample 'a/0'"):
        load(a=(path, 1.0), b=(path, 1.0))


def test_other_numbering_is_refused(tmp_path):
    path = write_dataset(tmp_path / "a", "a")
    renamed = ClassTable(("put", "take"), ("cup",), ("0:0", "1:0"), {})
    other = write_dataset(tmp_path / "b", "b", classes=renamed)
    with pytest.raises(DataError, match="number their classes differently"):
        load(a=(path, 1.0), b=(other, 1.0))


def test_empty_mixture():
    with pytest.raises(ConfigError, match="mixture is empty"):
        load()


def test_repeat_must_be_positive():
    with pytest.raises(ConfigError, match="repeat"):
        DatasetConfig("x.jsonl", 0.0)
