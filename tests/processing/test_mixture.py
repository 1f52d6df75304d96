from pathlib import Path

import pytest

from llavaction.processing.mixture import DatasetConfig, MixtureConfig, load_mixture
from llavaction.sft.classes import ClassTable
from llavaction.sft.samples import ClipRef, MediaKind, MediaRef, Role, Sample, Turn, View, write_samples
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
    with pytest.raises(ConfigError, match=rf"'replay/mix/shown' of .*replay\.jsonl shows files; set {key}=FOLDER"):
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
    return load_mixture(MixtureConfig({name: DatasetConfig(path, repeat) for name, path in paths.items()}, report), 0)


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
    mixture = load_mixture(MixtureConfig(datasets, write_report(tmp_path)), 0)
    assert mixture.counts == {"replay": 2} and mixture.dropped == {"replay": {}}


def test_a_report_that_leaves_nothing(tmp_path):
    report = write_report(tmp_path, stop_s=0.0)
    with pytest.raises(ConfigError, match=r"3 of 3 samples of a are left out .*is mixture\.videos_report about these"):
        load_checked(report, a=write_dataset(tmp_path, "a", 3))


def test_empty_mixture():
    with pytest.raises(ConfigError, match="mixture is empty"):
        load()


def test_repeat_must_be_positive():
    with pytest.raises(ConfigError, match="repeat"):
        DatasetConfig("x.jsonl", 0.0)
