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
        has_config: whether it composes a configuration from `configs/`.
    """

    name: str
    module: str
    summary: str
    examples: tuple[str, str]
    has_config: bool = True

    @property
    def root(self) -> str | None:
        """Name of its YAML file in `configs/`; None when it reads none."""
        return self.name.replace("-", "_") if self.has_config else None


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
            "annotate",
            "annotate",
            "Have a vision model on any OpenAI-compatible server write captions and questions; every reply is kept.",
            (
                "llavaction annotate paths.annotations=EK100_FOLDER paths.videos=FOLDER annotator.model=gpt-4o "
                "annotator.input_price=2.5 annotator.output_price=10 annotator.dry_run=true",
                "llavaction annotate paths.annotations=EK100_FOLDER paths.videos=FOLDER annotator=local "
                "annotator.model=Qwen/Qwen2.5-VL-7B-Instruct annotator.limit=100",
            ),
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
            "export",
            "export",
            "Turn built samples into what other frameworks read: datasets, LLaVA, LLaMA-Factory, ms-swift.",
            (
                "llavaction export path=FOLDER output=FOLDER",
                "llavaction export path=FOLDER formats=[datasets] 'export.views=[mqa]'",
            ),
        ),
        Command(
            "verify",
            "verify",
            "Build a folder of samples again from its sources and say that it is equal, or show the first difference.",
            (
                "llavaction verify runs/sft/specialist",
                "llavaction verify mqa_benchmark annotations.folder=EK100_FOLDER "
                "distractors.validation_file=tim_pred_ids_val.json",
            ),
            has_config=False,
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
            "merge",
            "merge",
            "Merge an adapter (train lora=lora) into its base: a plain checkpoint that needs neither.",
            (
                "llavaction merge checkpoint=runs/train/default/checkpoint output=runs/train/merged",
                "llavaction merge checkpoint=FOLDER output=FOLDER base=FOLDER dtype=bfloat16",
            ),
        ),
        Command(
            "convert",
            "convert",
            "Turn a public LLaVA-OneVision, LLaVA-Video or LLaVAction checkpoint into ours, or ours into a public one.",
            (
                "llavaction convert source=lmms-lab/LLaVA-Video-7B-Qwen2 output=FOLDER classes=FOLDER "
                "supervision=one_token",
                "llavaction convert source=runs/train/default/checkpoint output=FOLDER to=public dtype=bfloat16",
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
            "evaluate-api",
            "evaluate_api",
            "Ask a model on any OpenAI-compatible server the same questions: rows, metrics, and what it cost; resumes.",
            (
                "llavaction evaluate-api paths.sft=FOLDER paths.videos=FOLDER api.input_price=2.5 api.output_price=10 "
                "api.dry_run=true",
                "llavaction evaluate-api experiment=eval/gpt_4o paths.videos=FOLDER",
            ),
        ),
        Command(
            "judge-captions",
            "judge_captions",
            "Have a language model score the descriptions of an evaluation from 0 to 5; their mean with its interval.",
            (
                "llavaction judge-captions run=runs/evaluate/mine task=caption",
                "llavaction judge-captions run=FOLDER task=caption judge=local judge.model=Qwen/Qwen3-8B",
            ),
        ),
        Command(
            "report",
            "report",
            "Make tables (Markdown, LaTeX, CSV, JSON) and figures: of one run, of two side by side, as in the paper.",
            (
                "llavaction report report=run run=runs/evaluate/mine",
                "llavaction report report=paper paths.annotations=EK100_FOLDER",
            ),
        ),
        Command(
            "audit",
            "audit",
            "Are distractors really wrong? Draw questions for a person to judge, and turn the verdicts into a rate.",
            (
                "llavaction audit audit.samples=runs/sft/specialist/validation_mqa.jsonl paths.videos=FOLDER",
                "llavaction audit audit.verdicts=[anna.csv,ben.csv]",
            ),
        ),
        Command(
            "distractor-stats",
            "distractor_stats",
            "Show how good specialists are, how alike, what they find hard, and how hard the questions are.",
            (
                "llavaction distractor-stats paths=demo stats=toy_kitchen",
                "llavaction distractor-stats paths.annotations=EK100_FOLDER "
                "+stats.predictions.avion.path=avion.parquet +stats.predictions.tim.path=tim.pkl "
                "+stats.samples.hard=validation_mqa.jsonl",
            ),
        ),
        Command(
            "attention",
            "attention",
            "Show where the answer and the action token look in a clip and its question, layer by layer and frame by "
            "frame.",
            (
                "llavaction attention model.checkpoint=FOLDER file=pancake.mkv start_s=2 stop_s=5",
                "llavaction attention paths=demo video=toy_kitchen "
                "samples=runs/demo/sft/specialist/validation_mqa.jsonl "
                "model.checkpoint=runs/demo/train/hard_action_token/checkpoint other=runs/demo/train/hard/checkpoint",
            ),
        ),
        Command(
            "runs",
            "runs",
            "List runs below a folder: state, steps, losses, best evaluation, speed, size, commit.",
            (
                "llavaction runs",
                "llavaction runs runs/train sort=loss format=csv",
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
