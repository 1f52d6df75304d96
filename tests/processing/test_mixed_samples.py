"""Clips, videos, pictures and text beside each other: in one batch, in training, in generation."""

import json

import pytest
import torch

from llavaction.model.config import IGNORE, NO_LABEL
from llavaction.processing.batch import Collator, model_arguments, pad_rows
from llavaction.processing.dataset import SftDataset
from llavaction.processing.mixture import DatasetConfig, MixtureConfig, load_mixture
from llavaction.sft.classes import ClassTable
from llavaction.sft.samples import View, write_samples
from llavaction.testing.tiny import tiny_model, tiny_model_config, tiny_processor
from llavaction.training.config import LearningRates, Precision, TrainConfig
from llavaction.training.run import train
from llavaction.training.spec import TrainingRun
from llavaction.video.clip import ClipLoader
from llavaction.video.layout import VideoConfig, VideoLayout

pytestmark = pytest.mark.thorough

TERMS = ("loss", "lm_loss", "verb_loss", "noun_loss", "action_loss")
VISUAL = ("vision.", "projector.", "newline")


@pytest.fixture(scope="module")
def examples(mixed, media):
    folders = {sample.sample_id: media for sample in mixed if sample.media}
    clips, processor = ClipLoader(VideoConfig(str(media), VideoLayout.WHOLE)), tiny_processor(tiny_model())
    dataset = SftDataset(mixed, clips, processor, jitter=False, seed=0, media_folders=folders)
    return [dataset[i] for i in range(len(dataset))]


def run(model, examples, counts):
    output = model(**model_arguments(Collator(pad_id=0, resolution=12)(examples)), **counts)
    output.loss.backward()
    return output


def gradients(model):
    found = {name: parameter.grad.clone() for name, parameter in model.named_parameters()}
    model.zero_grad()
    return found


def test_a_batch_is_the_sum_of_its_samples(examples):
    model = tiny_model()
    counts = {
        "num_items_in_batch": sum(int((example.labels[1:] != IGNORE).sum()) for example in examples),
        "num_action_labels": sum(example.action_label[0] != NO_LABEL for example in examples),
    }
    together = run(model, examples, counts)
    expected = gradients(model)
    assert together.action_rows.tolist() == [0, 1, 2]
    alone = [run(model, [example], counts) for example in examples]
    for term in TERMS:
        total = sum(getattr(output, term).item() for output in alone)
        assert total == pytest.approx(getattr(together, term).item(), rel=1e-5), term
        assert total > 0
    for name, gradient in gradients(model).items():
        assert torch.allclose(gradient, expected[name], atol=1e-6), name


def test_text_alone_has_a_gradient_for_every_weight(examples):
    model = tiny_model()
    text = examples[-1]
    assert text.num_frames == ()
    output = run(model, [text, text], {})
    assert output.lm_loss > 0 and output.verb_loss == 0
    for name, gradient in gradients(model).items():
        assert gradient.isfinite().all(), name
        assert bool(gradient.any()) != name.startswith((*VISUAL, "action_token.")), name


def test_pictures_train_the_tower_and_not_the_action_heads(examples):
    model = tiny_model()
    run(model, examples[3:5], {})
    for name, gradient in gradients(model).items():
        assert bool(gradient.any()) != name.startswith("action_token."), name


def test_generation_beside_others_is_as_alone(examples):
    model = tiny_model()
    prompts = [example.input_ids[: int((example.labels != IGNORE).nonzero()[0])] for example in examples]

    def generate(numbers):
        ids, mask = pad_rows([prompts[number] for number in numbers], 0, left=True)
        frames = [count for number in numbers for count in examples[number].num_frames]
        made = model.generate(
            ids,
            attention_mask=mask,
            pixel_values_videos=torch.cat([examples[number].pixel_values for number in numbers]),
            num_frames_per_video=torch.tensor(frames, dtype=torch.long),
            max_new_tokens=5,
            do_sample=False,
            eos_token_id=None,
        )
        return made[:, ids.shape[1] :].tolist()

    everyone = range(len(examples))
    assert generate(everyone) == [generate([number])[0] for number in everyone]


CLASSES = ClassTable(
    ("take", "put", "open", "cut"), ("cup", "plate", "bottle", "knife", "bread"), tuple("abcdef"), {"take cup": "a"}
)


@pytest.mark.parametrize("batch_size", [1, 3])
def test_training_on_all_kinds(mixed, media, tmp_path, batch_size):
    """With one sample per batch, some batches hold no frames and some no labels."""
    CLASSES.save(tmp_path)
    for name in ("direct", "replay"):
        write_samples(tmp_path / f"{name}.jsonl", [sample for sample in mixed if sample.view is View(name)])
    mixture = load_mixture(
        MixtureConfig(
            {
                "direct": DatasetConfig(str(tmp_path / "direct.jsonl"), repeat=2.0),
                "replay": DatasetConfig(str(tmp_path / "replay.jsonl"), media=str(media)),
            }
        ),
        seed=0,
    )
    assert mixture.counts == {"direct": 4, "replay": 5}
    config = TrainConfig(
        epochs=8,
        batch_size=batch_size,
        gradient_accumulation=3 // batch_size,
        lr=LearningRates(1e-3, 1e-3, 1e-2, 1e-2),
        precision=Precision.FP32,
        num_workers=0,
        log_every=1,
    )
    video = VideoConfig(str(media), VideoLayout.WHOLE, num_frames=2)
    folder = tmp_path / "run"
    checkpoint = train(
        TrainingRun(
            folder, mixture.samples, mixture.classes, video, tiny_model_config(), config, {}, mixture.media_folders
        )
    )
    assert (checkpoint / "model.safetensors").is_file()
    losses = [json.loads(line)["lm_loss"] for line in (folder / "metrics.jsonl").read_text().splitlines()]
    assert len(losses) == 8 * 9 // 3
    assert sum(losses[-3:]) < 0.5 * sum(losses[:3])
