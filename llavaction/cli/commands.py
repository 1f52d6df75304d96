"""The subcommands: what each does, and how it is called."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Command:
    """A subcommand.

    Attributes:
        name: as typed.
        module: file of this package that runs it, imported only then; its `main(arguments)` is called.
        summary: what it does.
        examples: two commands one can run.
    """

    name: str
    module: str
    summary: str
    examples: tuple[str, str]

    @property
    def root(self) -> str:
        """Name of its YAML file in `configs/`."""
        return self.name.replace("-", "_")


COMMANDS = {
    command.name: command
    for command in (
        Command(
            "demo",
            "demo",
            "Write a toy kitchen, build data, train four tiny models, evaluate them and print a table.",
            ("llavaction demo", "llavaction demo output=/tmp/demo kitchen.seed=1"),
        ),
        Command(
            "build-sft",
            "build_sft",
            "Turn annotations into training and test samples (JSONL) with a manifest.",
            (
                "llavaction build-sft paths.annotations=EK100_FOLDER",
                "llavaction build-sft paths.annotations=EK100_FOLDER distractors=specialist sft.splits=[validation] "
                "distractors.validation_file=tim_pred_ids_val.json",
            ),
        ),
        Command(
            "train",
            "train",
            "Train a model on a mixture of samples; the same command resumes. torchrun starts several processes.",
            (
                "llavaction train experiment=toy_kitchen/hard_action_token",
                "torchrun --nproc_per_node 8 -m llavaction train model=llava_ov_7b model.tokenizer=FOLDER "
                "deepspeed=zero3 paths.sft=FOLDER paths.videos=FOLDER",
            ),
        ),
        Command(
            "evaluate",
            "evaluate",
            "Answer test questions with a checkpoint: one JSONL row per question, and metrics; resumes.",
            (
                "llavaction evaluate model.checkpoint=FOLDER paths.sft=FOLDER paths.videos=FOLDER",
                "torchrun --nproc_per_node 8 -m llavaction evaluate model.checkpoint=FOLDER paths.sft=FOLDER "
                "paths.videos=FOLDER model.dtype=bfloat16",
            ),
        ),
        Command(
            "report",
            "report",
            "Make a table (Markdown, JSON, terminal) and a picture from evaluation runs.",
            (
                "llavaction report paths=demo report=toy_kitchen",
                "llavaction report +report.rows.mine=runs/evaluate/mine",
            ),
        ),
        Command(
            "ask",
            "ask",
            "Ask a checkpoint about a video file.",
            (
                'llavaction ask --video pancake.mkv --question "What am I doing?" --start 2 --stop 5',
                'llavaction ask --video pancake.mkv --options "flip pancake" "pour batter" model.checkpoint=FOLDER',
            ),
        ),
    )
}
