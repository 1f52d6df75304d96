"""The export: each file of a built folder into each format."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from llavaction.sft.exports.clips import CLIPS_FILE, ClipFiles
from llavaction.sft.exports.config import ExportConfig, ExportFormat
from llavaction.sft.exports.datasets import DatasetsWriter
from llavaction.sft.exports.llava import LlavaWriter
from llavaction.sft.exports.messages import MessagesWriter
from llavaction.sft.exports.source import BuiltFolder, open_folder
from llavaction.sft.exports.writer import FormatWriter
from llavaction.sft.samples import View
from llavaction.utils.errors import ConfigError

TRAINED_ON = (ExportFormat.LLAVA, ExportFormat.MESSAGES)
"""Formats that training code reads: every answer in them is learned."""
SHOWS_CLIP_FILES = (ExportFormat.LLAVA, ExportFormat.MESSAGES)
"""Formats whose rows name clip files; the other one keeps a clip's video and times."""


def export_samples(folder: Path, config: ExportConfig, output: Path) -> dict[str, Any]:
    """Write the samples of `folder` in each format below `output`, and `clips.csv` where a format shows clip files.

    Returns:
        ``{"files": {"llava/train_mqa.json": number of samples, ...}, "clips": number of clip files}``

    Raises:
        ConfigError: when no format or a view that was not built is asked for, or candidates in a format to train on.
        DataError: when the folder is not as it was built, or a format cannot say what a sample says.
    """
    if not config.formats:
        raise ConfigError(f"export.formats is empty; choose of {', '.join(ExportFormat)}")
    source = open_folder(folder, config.views)
    _refuse_training(source, config.formats)
    clips = ClipFiles()
    writers = {name: _make_writer(name, output / name, source, config, clips) for name in config.formats}
    written: dict[str, int] = {}
    for file in source.files:
        samples = file.read()
        for name, writer in writers.items():
            written[f"{name}/{writer.add(file, samples)}"] = len(samples)
    for writer in writers.values():
        writer.finish()
    num_clips = 0
    if any(name in SHOWS_CLIP_FILES for name in config.formats):
        num_clips = clips.write(output / CLIPS_FILE)
    return {"files": written, "clips": num_clips}


def _refuse_training(source: BuiltFolder, formats: Sequence[ExportFormat]) -> None:
    trained_on = [name for name in formats if name in TRAINED_ON]
    if trained_on and View.CANDIDATES in source.views:
        others = ",".join(view for view in source.views if view is not View.CANDIDATES)
        remedy = f"leave them out with export.views=[{others}], or set" if others else "set"
        raise ConfigError(
            f"export.formats: {', '.join(trained_on)} are to train on, and candidates are for evaluation alone; "
            f"{remedy} formats=[{ExportFormat.DATASETS}]"
        )


def _make_writer(
    name: ExportFormat, folder: Path, source: BuiltFolder, config: ExportConfig, clips: ClipFiles
) -> FormatWriter:
    if name is ExportFormat.DATASETS:
        return DatasetsWriter(folder, source, config)
    if name is ExportFormat.LLAVA:
        return LlavaWriter(folder, config.name, clips)
    return MessagesWriter(folder, config.name, clips)
