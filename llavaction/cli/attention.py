"""`llavaction attention`: where the answer and the action token look, as tables and pictures."""

from __future__ import annotations

import logging
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from llavaction.cli.checkpoints import usable_checkpoint
from llavaction.cli.evaluate import pick_device
from llavaction.config.compose import compose_config, resolved_yaml
from llavaction.config.schema import AttentionRoot
from llavaction.evaluation.attention.questions import Question, choose_questions
from llavaction.evaluation.attention.records import ClipRecord, RunInfo
from llavaction.evaluation.attention.result import save_maps, to_json
from llavaction.evaluation.attention.summary import Summary, summarise
from llavaction.reports.attention.curves import draw_curves
from llavaction.reports.attention.heatmap import draw_heatmaps
from llavaction.reports.attention.layers import choose_layers
from llavaction.reports.attention.render import to_markdown, to_terminal
from llavaction.reports.attention.tables import overview_tables
from llavaction.sft.samples import sample_files
from llavaction.utils.console import output
from llavaction.utils.errors import ConfigError
from llavaction.utils.hashing import file_sha256
from llavaction.utils.jsonl import write_json, write_text
from llavaction.utils.logs import set_up_logging
from llavaction.utils.progress import make_progress
from llavaction.utils.runs import record_run

# torch takes seconds to import, which --help and a mistyped key should not cost.
if TYPE_CHECKING:
    from llavaction.evaluation.attention.probe import Probe

logger = logging.getLogger(__name__)


def main(overrides: list[str]) -> None:
    """Look into what `overrides` name."""
    run(compose_config("attention", overrides))


def run(root: AttentionRoot) -> Summary:
    """Write `attention.json`, `.md`, `maps.npz`, `shares.png` and `heatmap.png`; print the tables, return the figures.

    Raises:
        ConfigError: when a checkpoint has no such layers, or attention that cannot be recorded.
        DataError, VideoError, CheckpointError: when inputs are missing or broken.
    """
    folder = Path(root.output)
    set_up_logging(folder)
    if root.other == root.model.checkpoint:
        raise ConfigError(f"other = {root.other} is the checkpoint itself; name another one, or leave it out")
    questions = choose_questions(root, root.video, root.prompts)
    if not root.is_single and len(questions) < root.num_samples:
        logger.warning("looking into all %d questions; %d were asked for", len(questions), root.num_samples)
    checkpoints = {name: usable_checkpoint(name) for name in (root.model.checkpoint, root.other) if name is not None}
    _check_layers(root, checkpoints)
    clips, infos = _measure(root, questions, checkpoints)
    summary = summarise(clips, infos, root.seed)
    write_json(folder / "attention.json", to_json(summary, clips))
    write_text(folder / "attention.md", to_markdown(summary))
    save_maps(clips, folder / "maps.npz")
    draw_curves(summary, folder / "shares.png")
    draw_heatmaps(clips, infos, root, folder / "heatmap.png")
    record_run(folder, "attention", resolved_yaml(root), _hashes(root, checkpoints.values()))
    logger.info("wrote %s", folder)
    for table in overview_tables(summary):
        output.print(to_terminal(table))
    return summary


def _check_layers(root: AttentionRoot, checkpoints: dict[str, Path]) -> None:
    """Refuse layers that a checkpoint does not have now, and not when all has been measured."""
    from llavaction.model.hf_config import LlavactionConfig
    from llavaction.model.lora.base import base_of, is_adapter

    for name, checkpoint in checkpoints.items():
        whole = base_of(checkpoint) if is_adapter(checkpoint) else checkpoint
        config: Any = LlavactionConfig.from_pretrained(whole).text_config
        choose_layers(config.num_hidden_layers, root.first_layer, root.last_layer, name)


def _measure(
    root: AttentionRoot, questions: list[Question], checkpoints: dict[str, Path]
) -> tuple[list[ClipRecord], list[RunInfo]]:
    """Put all questions to one checkpoint after the other: two large ones would not fit beside each other."""
    from llavaction.evaluation.answering import Answerer
    from llavaction.evaluation.attention.probe import Probe

    clips = [
        ClipRecord(question.question_id, question.video, question.turns[-1].text, question.answer or "", {}, {})
        for question in questions
    ]
    infos: list[RunInfo] = []
    for name, checkpoint in checkpoints.items():
        answerer = Answerer.load(
            checkpoint, dtype=root.model.dtype, attention=root.model.attention, device=pick_device()
        )
        probe = Probe(answerer, name, is_other=name == root.other)
        infos += probe.infos()
        clips = _ask(probe, questions, clips, root)
        # Before the next one is loaded.
        del answerer, probe
    return clips, infos


def _ask(probe: Probe, questions: list[Question], clips: list[ClipRecord], root: AttentionRoot) -> list[ClipRecord]:
    """The records of all questions, with what this checkpoint adds to them."""
    records = []
    with make_progress() as progress:
        bar = progress.add_task("questions", total=len(questions))
        for number, (question, clip) in enumerate(zip(questions, clips, strict=True)):
            keep_maps = number < root.num_heatmaps
            pixels = probe.pixels(question)
            answer, measured = probe.look(
                question, pixels, clip.answer or None, root.max_new_tokens, keep_maps=keep_maps
            )
            frames = dict.fromkeys(measured, pixels.permute(0, 2, 3, 1).numpy()) if keep_maps else {}
            records.append(
                replace(clip, answer=answer, measured={**clip.measured, **measured}, frames={**clip.frames, **frames})
            )
            if not clip.answer:
                logger.info("%s: the checkpoint answers %r", question.question_id, answer)
            progress.advance(bar)
    return records


def _hashes(root: AttentionRoot, checkpoints: Iterable[Path]) -> dict[str, str]:
    """Hashes of the questions or the video, and of the weights."""
    files = [Path(root.file)] if root.file is not None else sample_files(Path(str(root.samples)))
    weights = [path for folder in checkpoints for path in sorted(folder.glob("*.safetensors"))]
    return {str(path): file_sha256(path) for path in [*files, *weights]}
