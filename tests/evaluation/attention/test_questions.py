"""Questions of a sample file and about a video file, with real videos."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from llavaction.evaluation.attention.config import AttentionConfig
from llavaction.evaluation.attention.questions import choose_questions
from llavaction.sft.prompts import PromptsConfig
from llavaction.sft.samples import Role, Turn, write_samples
from llavaction.utils.errors import DataError, VideoError
from llavaction.video.layout import VideoConfig
from tests.reports.conftest import question, videos  # noqa: F401 - a fixture

PROMPTS = PromptsConfig(name="p", mqa_question="Which? {options}", direct_question="What am I doing?")
SAMPLES = [question(number, ["take plate", "open tap"], number % 2) for number in range(4)]


@pytest.fixture
def samples(tmp_path):
    write_samples(tmp_path / "mqa.jsonl", SAMPLES)
    return str(tmp_path / "mqa.jsonl")


@pytest.fixture
def choose(videos):  # noqa: F811
    """Chooses questions, given what differs from the defaults."""
    video = VideoConfig(str(videos), chunk_s=2.0)
    return lambda **fields: choose_questions(AttentionConfig(**fields), video, PROMPTS)


def test_one_sample_by_its_id(choose, samples):
    (chosen,) = choose(samples=samples, sample_id="q/1")
    assert (chosen.question_id, chosen.video, chosen.answer) == ("q/1", "P01_01", None)
    assert chosen.turns == (Turn(Role.USER, "Which?"),)
    frames = chosen.load(3)
    assert frames.shape == (3, 48, 64, 3) and frames.dtype == np.uint8
    # From 0.5 s to 2.5 s a bar wanders to the right.
    centres = [frame[..., 0].max(0).argmax() for frame in frames]
    assert centres == sorted(set(centres))


def test_the_true_answer_if_asked(choose, samples):
    answers = [one.answer for one in choose(samples=samples, true_answers=True)]
    assert answers == [sample.answer for sample in SAMPLES] == ["A. take plate", "B. open tap"] * 2


def test_a_given_answer(choose, samples):
    (chosen,) = choose(samples=samples, sample_id="q/0", answer="B. open tap")
    assert chosen.answer == "B. open tap"


def test_the_draw_depends_on_the_seed_and_the_ids_alone(choose, samples, tmp_path):
    drawn = {seed: [one.question_id for one in choose(samples=samples, num_samples=2, seed=seed)] for seed in range(9)}
    assert len({tuple(ids) for ids in drawn.values()}) > 1
    write_samples(tmp_path / "mqa.jsonl", SAMPLES[::-1])
    for seed, ids in drawn.items():
        assert [one.question_id for one in choose(samples=samples, num_samples=2, seed=seed)] == ids[::-1]
    assert len(choose(samples=samples)) == 4


def test_a_video_file(choose, videos):  # noqa: F811
    file = str(videos / "P01" / "P01_01.MP4" / "0.MP4")
    (chosen,) = choose(file=file, start_s=0.5, stop_s=1.5)
    assert (chosen.question_id, chosen.video, chosen.answer) == ("0.MP4", "0.MP4", None)
    assert chosen.turns == (Turn(Role.USER, "What am I doing?"),)
    whole = choose(file=file)[0].load(4)
    assert chosen.load(4).shape == whole.shape and not np.array_equal(chosen.load(4), whole)
    (asked,) = choose(file=file, question="Which hand?", answer="left")
    assert (asked.turns[0].text, asked.answer) == ("Which hand?", "left")


def test_an_unknown_id_comes_with_the_nearest(choose, samples):
    with pytest.raises(DataError, match=r"mqa\.jsonl: none of its 4 samples is 'q/11'; did you mean 'q/1'\?"):
        choose(samples=samples, sample_id="q/11")


def test_samples_without_a_clip_are_refused(choose, tmp_path):
    write_samples(tmp_path / "text.jsonl", [replace(SAMPLES[0], clip=None)])
    with pytest.raises(DataError, match="'q/0': it shows no clip of a video"):
        choose(samples=str(tmp_path / "text.jsonl"))


def test_a_missing_video_names_the_sample(samples, tmp_path):
    (chosen,) = choose_questions(AttentionConfig(samples=samples, sample_id="q/2"), VideoConfig(str(tmp_path)), PROMPTS)
    with pytest.raises(VideoError, match=r"sample 'q/2': video P01_01.*check video.folder"):
        chosen.load(2)
