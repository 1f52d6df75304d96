"""Write configs/experiment/eval: one evaluation run for every cell of the paper's tables that a checkpoint fills.

python scripts/write_eval_experiments.py             the files, brought up to date
python scripts/write_eval_experiments.py --check     exit code 1 when one is missing or is not what is written

The runs stand in the table below; what the paper reports of them is read from the one file that has its figures. Those
of models behind an API, gpt_4o.yaml and gpt_4o_mini.yaml, are written by hand.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from llavaction.reports.tables.reported import read_reported

FOLDER = Path(__file__).resolve().parents[1] / "configs" / "experiment" / "eval"
OUTPUT = "${paths.output}"

Tasks = dict[str, dict[str, str]]
"""Tasks by name: what `evaluation.tasks` says of each."""


@dataclass(frozen=True)
class EvalExperiment:
    """An evaluation run.

    Attributes:
        name: of the file and of the run folder.
        title: what it is, as a sentence without its end.
        checkpoint: training run whose checkpoint answers.
        command: how that run is made, after `llavaction train`.
        reported: key of the paper's figure.
    """

    name: str
    title: str
    checkpoint: str
    command: str
    num_frames: int
    tasks: Tasks
    reported: str | None = None


def samples(folder: str, view: str = "mqa") -> str:
    """Validation samples of one of configs/experiment/data."""
    return f'"{OUTPUT}/sft/{folder}/validation_{view}.jsonl"'


def choose(folder: str) -> dict[str, str]:
    """Questions answered in words, as models behind an API can too."""
    return {"task": "mqa", "mode": "generate", "samples": samples(folder)}


MQA: Tasks = {"mqa": choose("benchmark_tim")}
MQA_CYCLIC: Tasks = {
    "mqa_cyclic": {"task": "mqa", "mode": "option", "order": "cyclic", "samples": samples("benchmark_tim")}
}
DIFFICULTY: Tasks = {"mqa_random": choose("benchmark_random"), "mqa_avion": choose("benchmark_avion"), **MQA}
SEQUENTIAL: Tasks = {
    "sequential": {"task": "sequential", "mode": "generate", "samples": samples("avion", "temporal_order")}
}
K_SWEEP: Tasks = {
    "mqa_k2": choose("benchmark_tim_k2"),
    "mqa_k5": choose("benchmark_tim"),
    "mqa_k10": choose("benchmark_tim_k10"),
    "mqa_k20": choose("benchmark_tim_k20"),
}
RECOGNITION: Tasks = {
    name: {**settings, "samples": samples("avion", "direct")}
    for name, settings in {
        "head": {"task": "action_head"},
        "all_classes": {"task": "all_classes"},
        "all_words": {"task": "all_classes", "class_words": "narrations"},
        "direct": {"task": "direct"},
    }.items()
}


def two_stage(folder: str, num_candidates: str = "[20]") -> dict[str, str]:
    """Candidates in an order that does not tell their rank."""
    return {
        "task": "two_stage",
        "mode": "generate",
        "order": "shuffled",
        "num_candidates": num_candidates,
        "samples": samples(folder, "candidates"),
    }


STACK = (
    ("stack_01_zero_shot", "zero_shot", "the public model as it is", {**MQA, **MQA_CYCLIC}),
    ("stack_02_annotated", "annotated_only", "an annotator's captions and answers alone", MQA),
    ("stack_03_random", "random_distractors", "questions with random wrong options", {**MQA, **MQA_CYCLIC}),
    ("stack_04_adversarial", "adversarial_distractors", "and with a specialist's mistakes", MQA),
    ("stack_05_temporal_detection", "temporal_detection", "and temporal detection", MQA),
    ("stack_06_action_token", "action_token", "and the action token", MQA),
    ("stack_07_annotated", "annotated", "and an annotator's captions and answers", MQA),
    ("stack_08_direct", "direct_prediction", "and direct prediction", {**MQA, **MQA_CYCLIC}),
    ("stack_09_temporal_order", "temporal_order", "and earlier actions, told by itself", {**MQA, **SEQUENTIAL}),
)
BASES = (
    ("llava_video_7b", "LLaVA-Video-7B", "lmms-lab/LLaVA-Video-7B-Qwen2", "llava_video_7b"),
    ("llava_ov_7b", "LLaVA-OV-7B", "lmms-lab/llava-onevision-qwen2-7b-ov", "llava_ov_7b"),
    ("llava_ov_0.5b", "LLaVA-OV-0.5B", "lmms-lab/llava-onevision-qwen2-0.5b-ov", "llava_ov_0_5b"),
)
LONGEST_LINE = 120
TRAINED_FRAMES = (8, 16, 32, 64)
REPORTED_FRAMES = (8, 16)


def experiments() -> Iterator[EvalExperiment]:
    """Every evaluation run, by the tables it is for."""
    for step, (name, key, title, tasks) in enumerate(STACK, start=1):
        text = f"Component stack, step {step}: {title}"
        yield EvalExperiment(name, text, name, f"experiment=paper/{name}", 16, tasks, f"component_stack.{key}")
    name = "in_distribution_tim"
    title = "Everything, trained on the mistakes of the specialist that also makes the test's, and earlier actions"
    key = "component_stack.in_distribution"
    yield EvalExperiment(name, title, name, f"experiment=paper/{name}", 16, {**MQA, **SEQUENTIAL}, key)
    yield from _zero_shot()
    yield from _trained()
    yield from _structured()


def _zero_shot() -> Iterator[EvalExperiment]:
    """Public models as they are; LLaVA-Video-7B with 16 frames is the first step of the stack."""
    for base, label, checkpoint, key in BASES[:2]:
        for num_frames in (8,) if base == "llava_video_7b" else REPORTED_FRAMES:
            name = f"zero_shot_{base}_{num_frames}"
            command = (
                f"experiment=paper/stack_01_zero_shot model.checkpoint={checkpoint} video.num_frames={num_frames} "
                f"output=runs/train/{name}"
            )
            tasks = DIFFICULTY if base == "llava_video_7b" else MQA
            reported = f"main.{key}_zero_shot_{num_frames}"
            title = f"{label} as it is, {num_frames} frames"
            yield EvalExperiment(name, title, name, command, num_frames, tasks, reported)


def _trained() -> Iterator[EvalExperiment]:
    for base, label, _, key in BASES:
        for num_frames in TRAINED_FRAMES:
            name = f"{base}_{num_frames}"
            command = f"experiment=paper/{name}"
            if num_frames == 8:
                command = f"experiment=paper/{base}_16 video.num_frames=8 output=runs/train/{name}"
            tasks = DIFFICULTY if name == "llava_video_7b_8" else MQA
            reported = f"main.{key}_{num_frames}" if num_frames in REPORTED_FRAMES else None
            title = f"Everything, on {label} with {num_frames} frames"
            yield EvalExperiment(name, title, name, command, num_frames, tasks, reported)


def _structured() -> Iterator[EvalExperiment]:
    """Classes instead of letters: among a specialist's first twenty, over their number, and among all there are."""
    yield EvalExperiment(
        name="two_stage_narrations",
        title="Recognition among TIM's first twenty classes, in narrations",
        checkpoint="k20",
        command="experiment=paper/k20",
        num_frames=16,
        tasks={"two_stage": two_stage("candidates_tim")},
        reported="ek100_recognition.two_stage_narrations_action",
    )
    yield EvalExperiment(
        name="two_stage_label_text",
        title="Recognition among TIM's first twenty classes, in the names of the classes",
        checkpoint="k20_label_text",
        command="experiment=paper/k20_label_text",
        num_frames=16,
        tasks={"two_stage": two_stage("candidates_tim_label_text")},
        reported="ek100_recognition.two_stage_label_text_action",
    )
    yield EvalExperiment(
        name="k_sweep",
        title="Questions with 2 to 20 options, and recognition among TIM's first 1 to 20 classes",
        checkpoint="k20",
        command="experiment=paper/k20",
        num_frames=16,
        tasks={**K_SWEEP, "two_stage": two_stage("candidates_tim", "[1, 2, 5, 10, 20]")},
    )
    yield EvalExperiment(
        name="recognition",
        title="Recognition without a specialist: by the heads, by the likelihood of all classes, in its own words",
        checkpoint="llava_video_7b_16",
        command="experiment=paper/llava_video_7b_16",
        num_frames=16,
        tasks=RECOGNITION,
    )


def render(experiment: EvalExperiment, shares: dict[str, float]) -> str:
    """The file of an experiment."""
    reported = "" if experiment.reported is None else f" ({100 * shares[experiment.reported]:.1f} % reported)"
    lines = [
        "# @package _global_",
        f"# llavaction evaluate experiment=eval/{experiment.name} paths.videos=FOLDER",
        f"# {experiment.title}{reported}.",
        f"# The checkpoint: llavaction train {experiment.command} paths.videos=FOLDER",
        "defaults:",
        "  - override /evaluation: none",
        "evaluation:",
        "  # Reports compare it.",
        f"  num_frames: {experiment.num_frames}",
        "  tasks:",
    ]
    for name, task in experiment.tasks.items():
        line = f"    {name}: {{{', '.join(f'{key}: {value}' for key, value in task.items())}}}"
        in_block = [f"    {name}:", *(f"      {key}: {value}" for key, value in task.items())]
        lines += [line] if len(line) <= LONGEST_LINE else in_block
    lines += [
        "model:",
        f"  checkpoint: {OUTPUT}/train/{experiment.checkpoint}/checkpoint",
        "  dtype: bfloat16",
        f"output: {OUTPUT}/evaluate/{experiment.name}",
    ]
    return "\n".join(lines) + "\n"


def files() -> dict[Path, str]:
    """The content of every file."""
    shares = dict(read_reported().shares)
    return {FOLDER / f"{experiment.name}.yaml": render(experiment, shares) for experiment in experiments()}


def main() -> int:
    """Write or check the files."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--check", action="store_true", help="change nothing, fail where a file is out of date")
    check = parser.parse_args().check
    contents = files()
    foreign = [path for path in FOLDER.glob("*.yaml") if path not in contents and not path.name.startswith("gpt_")]
    stale = [path for path, text in contents.items() if not path.exists() or path.read_text(encoding="utf-8") != text]
    if not check:
        FOLDER.mkdir(parents=True, exist_ok=True)
        for path in stale:
            path.write_text(contents[path], encoding="utf-8")
    print(f"{len(contents)} files, {len(stale)} {'out of date' if check else 'written'}")
    if foreign:
        print(f"not in the table: {', '.join(path.name for path in foreign)}; add them, or delete the files")
    return int(bool(foreign) or (check and bool(stale)))


if __name__ == "__main__":
    sys.exit(main())
