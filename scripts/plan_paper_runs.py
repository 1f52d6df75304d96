"""Reckon what every run of configs/experiment/paper needs, and write it into the first line of its file.

python scripts/plan_paper_runs.py             a table, and the lines brought up to date
python scripts/plan_paper_runs.py --check     exit code 1 when a line is not what is reckoned

Each run is reckoned for the GPUs that its `train.plan` names, from the shapes of the public checkpoints and from the
sizes below. `llavaction train experiment=paper/NAME train.dry_run=true` does the same from the samples themselves.
"""

from __future__ import annotations

import argparse
import sys
from dataclasses import dataclass, replace
from pathlib import Path

import torch

from llavaction.config.compose import compose_config
from llavaction.config.schema import TrainRoot
from llavaction.model.build import ClassCounts, new_config
from llavaction.model.lora.adapted import add_lora
from llavaction.model.lora.base import Base
from llavaction.model.modeling import LlavactionForConditionalGeneration
from llavaction.sft.classes import ClassTable
from llavaction.training.lora import ADAPTED_PARTS
from llavaction.training.parts import freeze_parts
from llavaction.training.plan import Lengths, Needs, reckon
from llavaction.training.spec import TrainingRun
from llavaction.training.steps import StepPlan, plan_steps

FOLDER = Path(__file__).resolve().parents[1] / "configs" / "experiment" / "paper"
SHAPES = {
    "lmms-lab/LLaVA-Video-7B-Qwen2": "llava_ov_7b",
    "lmms-lab/llava-onevision-qwen2-7b-ov": "llava_ov_7b",
    "lmms-lab/llava-onevision-qwen2-0.5b-ov": "llava_ov_0.5b",
}
CLASSES = ClassCounts(97, 300, 3806)
NUM_SEGMENTS = 67_217
"""Training segments of EPIC-KITCHENS-100, each of which gives one sample per view."""
NUM_REPLAY = 60_000
"""What replay adds, so that the whole mixture has about the 530,000 samples that are reported."""
WORDS = {
    "caption": (200, 150),
    "qa": (120, 50),
    "direct": (45, 8),
    "temporal_detection": (90, 10),
    "replay": (300, 150),
}
"""Tokens of a sample beside its frames, and how many of them are supervised."""
WORDS_PER_OPTION, WORDS_AROUND_OPTIONS, ANSWER_WORDS = 9, 55, 10


@dataclass(frozen=True)
class PlannedRun:
    """A run and what it needs."""

    name: str
    root: TrainRoot
    steps: StepPlan
    needs: Needs

    @property
    def line(self) -> str:
        """The first comment line of its file."""
        command = f"# llavaction train experiment=paper/{self.name} paths.videos=FOLDER"
        plan = self.root.train.plan
        if not self.steps.num_steps:
            return f"{command}    (no GPU: nothing is trained)"
        assert self.needs.hours is not None and self.needs.split is not None
        memory = (self.needs.states[self.needs.split].gpu + self.needs.activations) / 2**30
        share = f"at {plan.utilisation:.0%} of their peak"
        return (
            f"{command}    ({plan.num_gpus} x {plan.device} {share}: {self.needs.hours:.1f} h, {memory:.0f} GiB each)"
        )


def main() -> int:
    """Print the table; write or check the lines."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--check", action="store_true", help="change nothing, fail where a line is out of date")
    check = parser.parse_args().check
    stale = []
    for path in sorted(FOLDER.glob("*.yaml")):
        planned = plan_run(path.stem)
        lines = path.read_text(encoding="utf-8").splitlines()
        place = next(number for number, line in enumerate(lines) if line.startswith("# llavaction train"))
        print(f"{path.stem:<28}{planned.steps.num_steps:>8,} steps  {planned.line.partition('(')[2].rstrip(')')}")
        if lines[place] != planned.line:
            stale.append(path.name)
            lines[place] = planned.line
            if not check:
                path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    if check and stale:
        print(f"out of date: {', '.join(stale)}; run python scripts/plan_paper_runs.py")
    return int(check and bool(stale))


def plan_run(name: str) -> PlannedRun:
    """Steps and needs of one experiment."""
    root = compose_config("train", [f"experiment=paper/{name}", "paths.videos=FOLDER"])
    run = TrainingRun(
        Path("run"), [], ClassTable((), (), (), {}), root.video, root.model, root.train, root.deepspeed, {}, root.lora
    )
    outline = make_outline(run)
    lengths, num_samples = lengths_of(root, outline)
    steps = plan_steps(root.train, num_samples, root.train.plan.num_gpus or 1)
    return PlannedRun(name, root, steps, reckon(run, outline, lengths, steps))


def make_outline(run: TrainingRun) -> torch.nn.Module:
    """The model of a public checkpoint's shapes, without weights."""
    shapes = compose_config("train", [f"model={SHAPES[str(run.model.checkpoint)]}", "model.tokenizer=none", *LEAST])
    config = replace(shapes.model, supervision=run.model.supervision)
    hf_config = new_config(config, CLASSES, num_token_ids=151_700, eos_token_id=1, pad_token_id=0)
    with torch.device("meta"):
        model: torch.nn.Module = LlavactionForConditionalGeneration(hf_config)
        if run.lora.is_on:
            model = add_lora(model, run.lora, Base(Path(), {}), seed=0)
    freeze_parts(model, [*(ADAPTED_PARTS if run.lora.is_on else ()), *run.train.freeze])
    return model


LEAST = ["paths.videos=FOLDER", "paths.sft=FOLDER"]


def lengths_of(root: TrainRoot, outline: torch.nn.Module) -> tuple[Lengths, int]:
    """Lengths of the samples of a mixture, and their number."""
    model = outline.get_base_model() if hasattr(outline, "get_base_model") else outline
    visual = model.config.token_layout.num_visual_tokens(root.video.num_frames) + model.config.num_action_tokens
    num_options = 20 if "k20" in str(root.output) else 5
    question = WORDS_AROUND_OPTIONS + num_options * WORDS_PER_OPTION
    rows = []
    for name in root.mixture.datasets:
        words, labels = WORDS.get(name, (question, ANSWER_WORDS))
        rows.append((NUM_REPLAY if name == "replay" else NUM_SEGMENTS, words + visual, labels))
    total = sum(count for count, _, _ in rows)
    lengths = Lengths(
        mean_tokens=sum(count * tokens for count, tokens, _ in rows) / total,
        max_tokens=max(tokens for _, tokens, _ in rows),
        mean_frames=root.video.num_frames,
        max_frames=root.video.num_frames,
        mean_labels=sum(count * labels for count, _, labels in rows) / total,
        mean_squares=sum(count * tokens**2 for count, tokens, _ in rows) / total,
    )
    return lengths, total


if __name__ == "__main__":
    sys.exit(main())
