"""Questions per second of `llavaction evaluate`, beside the plain loop that most evaluation code is.

    python scripts/bench_eval.py                                        (the demo's tiny model, two CPU cores)
    python scripts/bench_eval.py --size 0.5b --device cuda --questions 64 --plain-questions 16
    python scripts/bench_eval.py --annotations EK100                    (the real class names instead of made-up ones)

Random weights, 2-second clips of a made-up head camera in 15-second chunks, questions with five options and 3,806
classes. Five ways, on the same questions, one after the other and all again, `--repeats` times:

- ours: `evaluate` as the command runs it, with rows written: clips loaded by worker processes, batches, the LM head
  where something is scored, one pass over a clip and one over the tree of its options.
- plain: batch 1, clips loaded in the main process by the same loader, and for each option the whole prompt with the
  clip's pixels through the whole model, logits everywhere. `plain, features once` encodes the frames once per clip.
- cyclic: ours in all five orders of the options, which all share one pass over the clip.
- all classes: ours, the likelihood of each of the 3,806 class texts; with the real annotations also `all words`, every
  narration of every class.

Prints medians, the largest difference between the scores of ours and plain, and last a line of JSON: `mqa_ratio` is
ours / plain in questions/s; `all_class_cost` is the time of one question over all classes over that of one question
with five options, alone on its clip, as the rows tell it (loading, encoding, answering; `all_class_cost_answered`
leaves out loading); `order_cost` likewise of all five orders.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import tempfile
import time
from collections.abc import Callable
from itertools import islice
from pathlib import Path

# Threads that wait asleep leave the cores to other jobs, whose load all ways then feel alike; read when torch loads.
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")

import torch
from bench_videos import CONFIG, FRAMES_PER_CHUNK, VIDEO_ID, chunk_path, draw_clips, head_camera, machine

from llavaction.annotations.epic_kitchens import AnnotationsConfig, load_annotations
from llavaction.config.compose import compose_config
from llavaction.evaluation.answering import Answerer
from llavaction.evaluation.config import ClassWords, EvaluationConfig, OptionOrder, TaskConfig, TaskName
from llavaction.evaluation.predictions import Row, read_rows
from llavaction.evaluation.runner import EvaluationRun, evaluate
from llavaction.model.build import ClassCounts, new_model
from llavaction.processing.processor import Processor, ProcessorConfig
from llavaction.processing.threads import share_cores
from llavaction.processing.tokenizer import num_token_ids, train_tokenizer
from llavaction.sft.classes import ClassTable
from llavaction.sft.prompts import PromptsConfig
from llavaction.sft.samples import ActionLabel, ClipRef, Option, Role, Sample, Turn, View, write_samples
from llavaction.utils.draws import draws_for
from llavaction.utils.jsonl import write_json
from llavaction.video.chunking import write_chunk
from llavaction.video.clip import ClipLoader
from llavaction.video.layout import VideoConfig

NUM_CHUNKS = 4
NUM_OPTIONS = 5
COUNTS = (97, 300, 3806)
SIZES = {
    "toy": ("tiny", 8, "float32"),
    "0.5b": ("llava_ov_0.5b", 16, "bfloat16"),
    "7b": ("llava_ov_7b", 16, "bfloat16"),
}
"""Model config, frames and type."""


def main() -> None:
    """Measure all ways in turn, print the table and the line of JSON."""
    options = parse_options()
    with tempfile.TemporaryDirectory() as folder:
        bench = Bench(options, Path(folder))
        ways: dict[str, Callable[[], float]] = {
            "ours": lambda: bench.ours("mqa"),
            "plain": lambda: bench.plain(features_once=False),
            "plain, features once": lambda: bench.plain(features_once=True),
            "cyclic": lambda: bench.ours("cyclic"),
            "all classes": lambda: bench.ours("all_classes"),
        }
        if bench.classes.narrations:
            ways["all words"] = lambda: bench.ours("all_words")
        rates: dict[str, list[float]] = {name: [] for name in ways}
        for _ in range(options.repeats):
            for name, way in ways.items():
                rates[name].append(way())
        report(options, bench, {name: statistics.median(found) for name, found in rates.items()})


def parse_options() -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--size", choices=SIZES, default="toy")
    parser.add_argument("--device", choices=("cpu", "cuda"), default="cpu")
    parser.add_argument("--questions", type=int, default=192, help="that ours answers")
    parser.add_argument("--plain-questions", type=int, default=48, help="that the plain loop answers")
    parser.add_argument("--batch-size", type=int, default=16)
    parser.add_argument("--workers", type=int, default=1)
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--tree-size", type=int, default=EvaluationConfig().tree_size)
    parser.add_argument("--annotations", help="folder of the EK100 CSVs, for the real class names")
    parser.add_argument("--train-file", default="EPIC_100_train.csv")
    return parser.parse_args()


class Bench:
    """A model, clips and questions about them."""

    def __init__(self, options: argparse.Namespace, folder: Path) -> None:
        self.options, self.folder = options, folder
        self.video = VideoConfig(str(folder / "videos"))
        self.classes = real_classes(options) if options.annotations else made_up_classes()
        write_videos(self.video)
        self.answerer = self._answerer()
        self.samples = self._write_samples()
        self.mqa_rows: list[Row] = []
        self.plain_scores: list[list[float]] = []

    def ours(self, task: str, **changes: int) -> float:
        """Questions per second of `evaluate`."""
        samples = str(self.folder / "samples" / "mqa.jsonl")
        settings = {
            "mqa": TaskConfig(TaskName.MQA, samples),
            "cyclic": TaskConfig(TaskName.MQA, samples, order=OptionOrder.CYCLIC),
            "all_classes": TaskConfig(TaskName.ALL_CLASSES, samples),
            "all_words": TaskConfig(TaskName.ALL_CLASSES, samples, class_words=ClassWords.NARRATIONS),
        }
        sizes = {"batch_size": self.options.batch_size, "num_workers": self.options.workers, **changes}
        config = EvaluationConfig({task: settings[task]}, tree_size=self.options.tree_size, **sizes)
        share_cores(sizes["num_workers"])
        with tempfile.TemporaryDirectory(dir=self.folder) as output:
            start = time.perf_counter()
            evaluate(EvaluationRun(Path(output), self.answerer, self.video, config, {task: self.samples}))
            seconds = time.perf_counter() - start
            self.mqa_rows = read_rows(Path(output) / "rows" / f"{task}.jsonl")
        return len(self.samples) / seconds

    def alone(self, task: str) -> tuple[float, float]:
        """Median seconds of one question on a clip of its own: with loading, and without."""
        self.ours(task, batch_size=1, num_workers=0)
        whole = [sum(row.seconds.values()) for row in self.mqa_rows]
        answered = [row.seconds["encode"] + row.seconds["answer"] for row in self.mqa_rows]
        return statistics.median(whole), statistics.median(answered)

    @torch.no_grad()
    def plain(self, *, features_once: bool) -> float:
        """Questions per second of the plain loop, which may use all cores."""
        torch.set_num_threads(os.cpu_count() or 1)
        model, processor, clips = self.answerer.model, self.answerer.processor, ClipLoader(self.video)
        samples = self.samples[: self.options.plain_questions]
        self.plain_scores = []
        start = time.perf_counter()
        for sample in samples:
            clip = sample.shown_clip
            frames = clips.load(clip.video_id, clip.start_s, clip.stop_s, num_frames=processor.config.num_frames).frames
            pixels = processor.pixels(frames).to(model.device)
            seen = {"pixel_values_videos": pixels, "num_frames_per_video": torch.tensor([len(pixels)])}
            if features_once:
                seen = {"visual_features": model(**seen).visual_features}
            prompt = processor.prompt_ids(sample.turns[:-1], len(pixels))
            self.plain_scores.append([self._likelihood(prompt, option.answer, seen) for option in sample.options])
        return len(samples) / (time.perf_counter() - start)

    def _likelihood(self, prompt: list[int], text: str, seen: dict[str, torch.Tensor]) -> float:
        ids = torch.tensor([prompt + self.answerer.processor.answer_ids(text)], device=self.answerer.model.device)
        logits = self.answerer.model(ids, **seen).logits[0, len(prompt) - 1 : -1].float().log_softmax(-1)
        return float(logits.gather(1, ids[0, len(prompt) :, None]).sum())

    def _answerer(self) -> Answerer:
        name, num_frames, dtype = SIZES[self.options.size]
        config = compose_config(
            "train", [f"model={name}", "model.tokenizer=none", "paths.sft=.", "paths.videos=."]
        ).model
        texts = [self.classes.action_text(action_id) for action_id in range(len(self.classes.actions))]
        tokenizer = train_tokenizer([*texts, prompts().mqa_question, "A. B. C. D. E."], 2000)
        model = new_model(
            config,
            ClassCounts(*(len(names) for names in (self.classes.verbs, self.classes.nouns, self.classes.actions))),
            num_token_ids=num_token_ids(tokenizer),
            eos_token_id=tokenizer.eos_token_id,
            pad_token_id=tokenizer.pad_token_id,
            seed=0,
        ).to(self.options.device, getattr(torch, dtype))
        resolution = model.config.vision_config.image_size
        processor = Processor(tokenizer, ProcessorConfig(model.config.token_layout, resolution, num_frames))
        return Answerer(model, processor, self.classes, self.options.tree_size)

    def _write_samples(self) -> list[Sample]:
        folder = self.folder / "samples"
        samples = [
            question(f"{VIDEO_ID}_{number}", clip, self.classes)
            for number, clip in enumerate(draw_clips(NUM_CHUNKS * CONFIG.chunk_s, self.options.questions))
        ]
        write_samples(folder / "mqa.jsonl", samples)
        self.classes.save(folder)
        words = {name: getattr(prompts(), name) for name in PromptsConfig.__dataclass_fields__}
        empty: dict[str, object] = {name: {} for name in ("files", "sources", "prompts")}
        write_json(folder / "manifest.json", {**empty, "seed": 0, "distractors": "", "config": {"prompts": words}})
        return samples


def prompts() -> PromptsConfig:
    """The words of the questions."""
    words: PromptsConfig = compose_config("build_sft", ["paths.annotations=."]).prompts
    return words


def question(segment_id: str, clip: tuple[float, float], classes: ClassTable) -> Sample:
    """A question about a clip with any five actions."""
    draws = draws_for(0, segment_id)
    actions = list(dict.fromkeys(draws.below(len(classes.actions)) for _ in range(99)))[:NUM_OPTIONS]
    texts = [classes.action_text(action_id) for action_id in actions]
    words, answer_idx = prompts(), draws.below(NUM_OPTIONS)
    options = tuple(
        Option(text, action_id, words.answer(idx, text)) for idx, (text, action_id) in enumerate(zip(texts, actions))
    )
    verb_id, noun_id = classes.verb_noun(classes.actions[actions[answer_idx]])
    return Sample(
        sample_id=f"mqa/{segment_id}",
        view=View.MQA,
        segment_id=segment_id,
        clip=ClipRef(VIDEO_ID, *(round(time_s, 2) for time_s in clip)),
        turns=(Turn(Role.USER, words.question(texts)), Turn(Role.ASSISTANT, options[answer_idx].answer)),
        action=ActionLabel(verb_id, noun_id, actions[answer_idx]),
        options=options,
        answer_idx=answer_idx,
    )


def real_classes(options: argparse.Namespace) -> ClassTable:
    """EK100's classes, as many as the annotations at hand hold."""
    return ClassTable.from_annotations(
        load_annotations(AnnotationsConfig(options.annotations, train_file=options.train_file))
    )


def made_up_classes() -> ClassTable:
    """As many verbs, nouns and actions as EK100 has, in words of two syllables; every fifth noun has two words."""
    num_verbs, num_nouns, num_actions = COUNTS
    syllables = [first + vowel + last for first in "bdfgklmnprst" for vowel in "aeiou" for last in "lmnrst"]
    words = draws_for(0, "words").shuffled([a + b for a in syllables[:40] for b in syllables[-40:]])
    verbs, rest = words[:num_verbs], words[num_verbs:]
    nouns = [f"{rest[i]}:{rest[i + num_nouns]}" if i % 5 == 0 else rest[i] for i in range(num_nouns)]
    pairs = draws_for(0, "pairs").shuffled([f"{verb}:{noun}" for verb in range(num_verbs) for noun in range(num_nouns)])
    return ClassTable(tuple(verbs), tuple(nouns), tuple(sorted(pairs[:num_actions])), {})


def write_videos(config: VideoConfig) -> None:
    """A minute of a made-up head camera, as data_prep/chunk_videos.py cuts it."""
    frames = head_camera(320, 256, falloff=1.5)
    for chunk_idx in range(NUM_CHUNKS):
        write_chunk(chunk_path(config, chunk_idx), islice(frames, FRAMES_PER_CHUNK), CONFIG)


def report(options: argparse.Namespace, bench: Bench, rates: dict[str, float]) -> None:
    """The table, then the line of JSON."""
    bench.ours("mqa")
    pairs = zip(bench.mqa_rows, bench.plain_scores)
    difference = max(abs(a - b) for row, scores in pairs for a, b in zip(row.scores, scores))
    tasks = ("mqa", "cyclic", "all_classes", *(["all_words"] if bench.classes.narrations else []))
    alone = {task: bench.alone(task) for task in tasks}
    print(f"{'':24}{'questions/s':>12}{'of plain':>10}")
    for name, rate in rates.items():
        print(f"{name:24}{rate:12.1f}{rate / rates['plain']:10.1f}")
    print(f"\n{'one question alone':24}{'ms':>12}{'ms answering':>14}")
    for name, (whole, answered) in alone.items():
        print(f"{name:24}{1e3 * whole:12.1f}{1e3 * answered:14.1f}")
    print(f"\nlargest difference from the plain scores: {difference:.2g}")
    device = torch.cuda.get_device_name() if options.device == "cuda" else "cpu"
    figures = {
        "size": options.size,
        "mqa_ratio": round(rates["ours"] / rates["plain"], 3),
        "mqa_ratio_features_once": round(rates["ours"] / rates["plain, features once"], 3),
        "all_class_cost": round(alone["all_classes"][0] / alone["mqa"][0], 3),
        "all_class_cost_answered": round(alone["all_classes"][1] / alone["mqa"][1], 3),
        **({"all_words_cost": round(alone["all_words"][0] / alone["mqa"][0], 3)} if "all_words" in alone else {}),
        "order_cost": round(alone["cyclic"][0] / alone["mqa"][0], 3),
        "score_difference": difference,
        "num_classes": len(bench.classes.actions),
        "questions_per_s": {name: round(rate, 2) for name, rate in rates.items()},
        "batch_size": options.batch_size,
        "workers": options.workers,
        "machine": {"device": device, **machine("torch", "transformers")},
    }
    print(json.dumps(figures))


if __name__ == "__main__":
    main()
