from pathlib import Path

import pytest

from llavaction.processing.mixture import DatasetConfig, MixtureConfig, load_mixture
from llavaction.sft.classes import ClassTable
from llavaction.sft.samples import (
    ActionLabel,
    ClipRef,
    MediaKind,
    MediaRef,
    Option,
    Role,
    Sample,
    Turn,
    View,
    write_samples,
)
from llavaction.utils.errors import ConfigError, DataError
from llavaction.utils.hashing import file_sha256
from llavaction.video.report import CheckedVideo, Problem, VideoReport

CLASSES = ClassTable(("take", "put"), ("cup",), ("0:0", "1:0"), {"take cup": "0:0"})


def write_dataset(folder, name, num_samples=100, classes=CLASSES, each_s=0.0):
    """Samples of one second of `P01_01` each, which start `each_s` after one another."""
    folder.mkdir(parents=True, exist_ok=True)
    classes.save(folder)
    turns = (Turn(Role.USER, "What?"), Turn(Role.ASSISTANT, "take cup"))
    write_samples(
        folder / f"{name}.jsonl",
        [
            Sample(f"{name}/{i}", View.DIRECT, str(i), ClipRef("P01_01", i * each_s, i * each_s + 1.0), turns)
            for i in range(num_samples)
        ],
    )
    return str(folder / f"{name}.jsonl")


def load(seed=0, **datasets):
    """A mixture of datasets, each given as its path, its repeat and its folder of files."""
    return load_mixture(MixtureConfig({name: dataset(*given) for name, given in datasets.items()}), seed)


def dataset(path, repeat=1.0, media=None):
    return DatasetConfig(path, repeat=repeat, media=media)


def ids(mixture):
    return [sample.sample_id for sample in mixture.samples]


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


def write_replay(folder):
    CLASSES.save(folder)
    turns = (Turn(Role.USER, "What?"), Turn(Role.ASSISTANT, "A cup."))
    shown, text = (MediaRef(MediaKind.IMAGE, "a.jpg"),), ()
    samples = [
        Sample(f"replay/mix/{name}", View.REPLAY, None, None, turns, media=media)
        for name, media in (("shown", shown), ("text", text))
    ]
    write_samples(folder / "replay.jsonl", samples)
    return str(folder / "replay.jsonl")


def test_samples_that_show_files_know_their_folder(tmp_path):
    (tmp_path / "media").mkdir()
    replay = (write_replay(tmp_path), 2.0, str(tmp_path / "media"))
    mixture = load(a=(write_dataset(tmp_path, "a", 3), 1.0), replay=replay)
    assert mixture.media_folders == {"replay/mix/shown": tmp_path / "media"}
    assert mixture.counts == {"a": 3, "replay": 4}


def test_a_missing_folder_of_files_is_named(tmp_path):
    path = write_replay(tmp_path)
    key = r"mixture\.datasets\.other\.media"
    with pytest.raises(ConfigError, match=rf"'replay/mix/shown' of other shows files; set {key}=FOLDER"):
        load(other=(path, 1.0))
    with pytest.raises(ConfigError, match=rf"{key} = .*nowhere: no such folder"):
        load(other=(path, 1.0, str(tmp_path / "nowhere")))


def test_files_of_samples_are_hashed_with_their_shards(tmp_path):
    path = write_dataset(tmp_path, "a")
    assert load(a=(path, 1.0)).hashes == {path: file_sha256(tmp_path / "a.jsonl")}
    text = (tmp_path / "a.jsonl").read_text()
    (tmp_path / "a.jsonl").rename(tmp_path / "a-00000-of-00002.jsonl")
    (tmp_path / "a-00001-of-00002.jsonl").write_text(text.replace('"a/', '"b/'))
    mixture = load(a=(path, 1.0))
    assert mixture.counts == {"a": 200}
    assert list(mixture.hashes) == [str(tmp_path / f"a-0000{i}-of-00002.jsonl") for i in (0, 1)]


def write_report(folder, stop_s=7.25):
    """`P01_01` ends at `stop_s`, and its second chunk cannot be read."""
    problem = Problem("P01_01", "P01/P01_01.MP4/3.MP4", 3.0, 5.0, "no video stream")
    path = folder / "video_report.json"
    VideoReport.of("videos", "chunks", None, [CheckedVideo("P01_01", 4, stop_s, (problem,))]).save(path)
    return str(path)


def load_checked(report, repeat=1.0, **paths):
    datasets = {name: dataset(path, repeat) for name, path in paths.items()}
    return load_mixture(MixtureConfig(datasets, videos_report=report), 0)


def test_samples_of_bad_files_are_left_out_and_counted(tmp_path, caplog):
    path, report = write_dataset(tmp_path, "a", 10, each_s=1.0), write_report(tmp_path)
    mixture = load_checked(report, a=path)
    assert [sample.sample_id for sample in mixture.samples] == [f"a/{i}" for i in (0, 1, 2, 5, 6, 7)]
    bad_file, too_late = "P01/P01_01.MP4/3.MP4: no video stream", "video P01_01 ends at 7.25 s"
    assert mixture.counts == {"a": 6} and mixture.dropped == {"a": {bad_file: 2, too_late: 2}}
    assert f"4 of 10 samples of a are left out for their videos; 2 of them: {bad_file}" in caplog.text
    assert mixture.hashes == {name: file_sha256(Path(name)) for name in (path, report)}


def test_without_a_report_every_file_is_trusted(tmp_path, caplog):
    mixture = load_checked(None, a=write_dataset(tmp_path, "a", 10, each_s=1.0))
    assert mixture.counts == {"a": 10} and mixture.dropped == {"a": {}} and not caplog.records


def test_samples_of_good_files_are_the_same_with_a_report(tmp_path):
    path, report = write_dataset(tmp_path, "a", each_s=0.05), write_report(tmp_path)
    trusted = load_checked(None, 1.5, a=path).samples
    checked = load_checked(report, 1.5, a=path).samples
    assert checked == [sample for sample in trusted if sample in checked] and len(checked) < len(trusted)


def test_samples_without_a_clip_are_no_business_of_the_report(tmp_path):
    (tmp_path / "media").mkdir()
    datasets = {"replay": DatasetConfig(write_replay(tmp_path), media=str(tmp_path / "media"))}
    mixture = load_mixture(MixtureConfig(datasets, videos_report=write_report(tmp_path)), 0)
    assert mixture.counts == {"replay": 2} and mixture.dropped == {"replay": {}}


def test_a_report_that_leaves_nothing(tmp_path):
    report = write_report(tmp_path, stop_s=0.0)
    with pytest.raises(ConfigError, match=r"3 of 3 samples of a are left out .*is mixture\.videos_report about these"):
        load_checked(report, a=write_dataset(tmp_path, "a", 3))


@pytest.mark.parametrize(("limit", "expected"), [("first:2", [0, 1]), ("last:1", [9]), ("last:20%", [8, 9])])
def test_a_limit_takes_a_part(tmp_path, limit, expected):
    datasets = {"a": DatasetConfig(write_dataset(tmp_path, "a", 10), limit=limit, repeat=2.0)}
    mixture = load_mixture(MixtureConfig(datasets), 0)
    assert ids(mixture) == [f"a/{number}" for number in expected for _ in range(2)]
    assert mixture.times == {"a": {f"a/{number}": 2 for number in expected}}


def test_a_limit_counts_samples_with_good_videos(tmp_path):
    path, report = write_dataset(tmp_path, "a", 10, each_s=1.0), write_report(tmp_path)
    config = MixtureConfig({"a": DatasetConfig(path, limit="first:5")}, videos_report=report)
    assert ids(load_mixture(config, 0)) == [f"a/{number}" for number in (0, 1, 2, 5, 6)]
    config.datasets["a"].limit = "first:7"
    text = r"mixture\.datasets\.a\.limit of .*a\.jsonl: first:7 asks for 7 samples, but there are 6"
    with pytest.raises(ConfigError, match=text):
        load_mixture(config, 0)


def test_a_random_part_is_the_same_in_any_order_of_the_file(tmp_path):
    path = write_dataset(tmp_path, "a")
    config = MixtureConfig({"a": DatasetConfig(path, limit="random:25%", repeat=1.5)})
    before = load_mixture(config, 0)
    lines = (tmp_path / "a.jsonl").read_text().splitlines(keepends=True)
    (tmp_path / "a.jsonl").write_text("".join(reversed(lines)))
    assert len(before.times["a"]) == 25
    assert load_mixture(config, 0).times == before.times != load_mixture(config, 1).times


def weighted(tmp_path, **more):
    """30 samples with three parts and 40 with one; `a` is limited to 15."""
    datasets = {
        "a": DatasetConfig(write_dataset(tmp_path, "a", 30), limit="random:50%", weight=3.0),
        "b": DatasetConfig(write_dataset(tmp_path, "b", 40), weight=1.0),
    }
    return load_mixture(MixtureConfig(datasets, **more), 0)


def test_weights_decide_the_shares_of_an_epoch(tmp_path, caplog):
    caplog.set_level("INFO")
    mixture = weighted(tmp_path)
    assert mixture.counts == {"a": 15, "b": 5} and max(mixture.times["b"].values()) == 1
    assert "mixture: a gives 15 of 20 samples per epoch (75.0 %), 15 different ones of 15" in caplog.text
    assert "mixture: b gives 5 of 20 samples per epoch (25.0 %), 5 different ones of 40" in caplog.text


def test_an_epoch_of_a_given_size(tmp_path):
    mixture = weighted(tmp_path, samples_per_epoch=200)
    assert mixture.counts == {"a": 150, "b": 50} and set(mixture.times["a"].values()) == {10}
    assert sorted(mixture.times["b"].values()) == [1] * 30 + [2] * 10
    assert ids(mixture) == [name for used in mixture.times.values() for name, n in used.items() for _ in range(n)]


@pytest.mark.parametrize(
    ("datasets", "more", "text"),
    [
        ({"a": {"weight": 1.0}, "b": {}}, {}, "with a weight: a; without: b; give one to all or none"),
        ({"a": {}}, {"samples_per_epoch": 9}, "samples_per_epoch = 9: is shared out by weights"),
        ({"a": {"weight": 1.0}}, {"samples_per_epoch": 0}, "samples_per_epoch = 0: must be 1 or more"),
        ({"a": {"weight": 1.0, "repeat": 2.0}}, {}, "repeat = 2.0 and weight = 1.0 of x.jsonl both say how often"),
        ({"a": {"weight": -1.0}}, {}, "weight = -1.0 of x.jsonl: must be above 0"),
        ({"a": {"repeat": 0.0}}, {}, "repeat = 0.0 of x.jsonl: must be above 0"),
        ({"a": {"limit": "some:3"}}, {}, "limit of x.jsonl: 'some:3': must be first:N, last:N or random:N"),
    ],
)
def test_settings_that_contradict_each_other(datasets, more, text):
    with pytest.raises(ConfigError, match=text):
        MixtureConfig({name: DatasetConfig("x.jsonl", **values) for name, values in datasets.items()}, **more)


def test_a_dataset_of_which_nothing_is_taken(tmp_path):
    text = r"mixture\.datasets\.a: `repeat` takes none of its 3 samples"
    with pytest.raises(ConfigError, match=text):
        load(a=(write_dataset(tmp_path, "a", 3), 1e-9), b=(write_dataset(tmp_path, "b", 3),))


def test_candidates_are_not_trained_on(tmp_path):
    path = write_dataset(tmp_path, "a", 3)
    turns = (Turn(Role.USER, "Which?\nA. put cup"), Turn(Role.ASSISTANT, "take cup"))
    options = (Option("put cup", 1, "A. put cup", "specialist"),)
    clip, label = ClipRef("P01_01", 0.0, 1.0), ActionLabel(0, 0, 0)
    sample = Sample("candidates/specialist/0", View.CANDIDATES, "0", clip, turns, label, options)
    write_samples(tmp_path / "b.jsonl", [sample])
    text = r"mixture\.datasets\.b: sample 'candidates/specialist/0' lists candidates .* for evaluation alone"
    with pytest.raises(ConfigError, match=text):
        load(a=(path,), b=(str(tmp_path / "b.jsonl"),))


def test_empty_mixture():
    with pytest.raises(ConfigError, match="mixture is empty"):
        load()
