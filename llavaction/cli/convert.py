"""`llavaction convert`: public `llava_qwen` checkpoints as ours, and ours as public ones."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from llavaction.config.compose import compose_config, resolved_yaml
from llavaction.config.schema import ConvertRoot
from llavaction.model.checkpoints import CONFIG_FILE, CheckpointFormat, find_checkpoint, format_of
from llavaction.model.public.options import ConvertConfig, WeightType
from llavaction.sft.classes import ClassTable
from llavaction.utils.console import output
from llavaction.utils.errors import CheckpointError, ConfigError
from llavaction.utils.hashing import file_sha256
from llavaction.utils.logs import set_up_logging
from llavaction.utils.runs import record_run

if TYPE_CHECKING:
    from llavaction.model.public.conversion import Conversion

# A tokenizer is copied as it is: written anew by another version of transformers, others might not read it.
_TOKENIZER_FILES = (
    *("tokenizer.json", "tokenizer_config.json", "special_tokens_map.json", "added_tokens.json"),
    *("vocab.json", "merges.txt", "chat_template.json", "chat_template.jinja"),
)


@dataclass(frozen=True)
class ConversionReport:
    """What was converted.

    Attributes:
        to: the format that was written.
        num_tensors, num_parameters: in the weight files, those that lie aside not counted.
        dtype: type of the numbers.
        made: names of tensors that the source does not have: an added action token, a neutral norm.
        aside: names of tensors that our model has no place for; kept for the way back.
        notes: sentences about what else is different.
    """

    to: CheckpointFormat
    num_tensors: int
    num_parameters: int
    dtype: str
    made: tuple[str, ...]
    aside: tuple[str, ...]
    notes: tuple[str, ...]

    @classmethod
    def of(cls, to: CheckpointFormat, conversion: Conversion) -> ConversionReport:
        """The report of a conversion."""
        return cls(
            to=to,
            num_tensors=len(conversion.tensors),
            num_parameters=sum(tensor.num_elements for tensor in conversion.tensors),
            dtype=str(conversion.dtype).removeprefix("torch."),
            made=tuple(conversion.made),
            aside=tuple(tensor.name for tensor in conversion.aside),
            notes=tuple(conversion.notes),
        )

    def lines(self) -> list[str]:
        """The report for a person."""
        lines = [f"{self.num_tensors} tensors, {self.num_parameters:,} parameters, {self.dtype}"]
        for what, names in (("not in the source, made", self.made), ("of no use here, kept aside", self.aside)):
            if names:
                more = f" and {len(names) - 1} more" if len(names) > 1 else ""
                lines.append(f"{what}: {names[0]}{more}")
        return [*lines, *self.notes]


def main(overrides: list[str]) -> None:
    """Convert what `overrides` name."""
    run(compose_config("convert", overrides))


def run(root: ConvertRoot) -> ConversionReport:
    """Convert, print what was done and return it."""
    set_up_logging()
    classes = ClassTable.load(Path(root.classes)) if root.classes is not None else None
    report = convert_checkpoint(root, classes)
    output.print(f"{root.source} -> {root.output} ({report.to} format)", markup=False)
    for line in report.lines():
        output.print(f"  {line}", markup=False)
    if report.to is CheckpointFormat.OURS and classes is None:
        output.print("  without classes=FOLDER: good for questions, not for training its heads or for evaluation")
    return report


def convert_checkpoint(config: ConvertConfig, classes: ClassTable | None) -> ConversionReport:
    """Write the checkpoint in the other format, with all that belongs to it, and return what was done.

    Raises:
        CheckpointError: when the source is none or damaged, or the output exists.
        ConfigError: when source and options do not go together.
    """
    source = find_checkpoint(config.source)
    found = format_of(source)
    to = config.to or next(other for other in CheckpointFormat if other is not found)
    if to is found:
        raise ConfigError(f"{config.source} is in {found} format already; leave to={to} out to convert it")
    if to is CheckpointFormat.PUBLIC and (config.newline or config.pictures or config.supervision or classes):
        raise ConfigError("newline, pictures, supervision and classes are of our format; leave them out of to=public")
    with _new_folder(Path(config.output), source, config.overwrite) as folder:
        if to is CheckpointFormat.OURS:
            report = _write_ours(config, source, folder, classes)
        else:
            report = _write_public(config, source, folder)
        hashes = {CONFIG_FILE: file_sha256(source / CONFIG_FILE)}
        record_run(folder, "convert", resolved_yaml(config), hashes, report=asdict(report))
    return report


def _write_ours(config: ConvertConfig, source: Path, folder: Path, classes: ClassTable | None) -> ConversionReport:
    from llavaction.model.public.to_ours import Wanted, plan_ours, write_ours
    from llavaction.processing.processor import Processor, ProcessorConfig
    from llavaction.processing.tokenizer import load_tokenizer, num_token_ids

    home = _tokenizer_home(config, source)
    _copy_tokenizer(home, folder)
    tokenizer = load_tokenizer(str(folder))
    wanted = Wanted(
        num_token_ids=num_token_ids(tokenizer),
        eos_token_id=tokenizer.eos_token_id,
        pad_token_id=tokenizer.pad_token_id,
        num_classes=(len(classes.verbs), len(classes.nouns), len(classes.actions)) if classes is not None else None,
        supervision=config.supervision,
        supervised_layers=config.supervised_layers,
        distillation=config.distillation,
        newline=config.newline,
        pictures=config.pictures,
        seed=config.seed,
    )
    plan = plan_ours(source, wanted)
    plan = replace(plan, conversion=_cast(plan.conversion, config.dtype))
    write_ours(folder, source, plan, _max_bytes(config))
    vision: Any = plan.config.vision_config
    processor = ProcessorConfig(
        layout=plan.config.token_layout,
        resolution=vision.image_size,
        num_frames=config.num_frames,
        max_length=plan.max_length,
    )
    Processor(tokenizer, processor).save(folder)
    _copy_tokenizer(home, folder)
    (classes or ClassTable((), (), (), {})).save(folder)
    return ConversionReport.of(CheckpointFormat.OURS, plan.conversion)


def _write_public(config: ConvertConfig, source: Path, folder: Path) -> ConversionReport:
    from llavaction.model.public.to_public import plan_public, write_public
    from llavaction.processing.processor import Processor

    plan = plan_public(source, Processor.load(source).config.max_length)
    plan = replace(plan, conversion=_cast(plan.conversion, config.dtype))
    write_public(folder, source, plan, _max_bytes(config))
    _copy_tokenizer(_tokenizer_home(config, source), folder)
    return ConversionReport.of(CheckpointFormat.PUBLIC, plan.conversion)


def _cast(conversion: Conversion, dtype: WeightType) -> Conversion:
    import torch

    return conversion if dtype is WeightType.KEEP else conversion.cast(getattr(torch, dtype.value))


def _max_bytes(config: ConvertConfig) -> int:
    return int(config.max_shard_gb * 10**9)


def _tokenizer_home(config: ConvertConfig, source: Path) -> Path:
    return source if config.tokenizer is None else find_checkpoint(config.tokenizer, with_weights=False)


def _copy_tokenizer(home: Path, folder: Path) -> None:
    files = [home / name for name in _TOKENIZER_FILES if (home / name).is_file()]
    if not files:
        raise CheckpointError(f"{home}: no tokenizer; set tokenizer=FOLDER")
    for file in files:
        shutil.copyfile(file, folder / file.name)


@contextmanager
def _new_folder(output: Path, source: Path, overwrite: bool) -> Iterator[Path]:
    """A folder beside `output` that takes its name when all is in it, and goes when something fails."""
    if output.exists():
        if not overwrite:
            raise CheckpointError(f"{output} exists; choose another folder, or overwrite=true to replace it")
        if not (output / CONFIG_FILE).is_file() or output.resolve() in (source.resolve(), *source.resolve().parents):
            raise CheckpointError(f"{output} is no checkpoint that can be replaced; choose another folder")
    partial, replaced = (output.with_name(f".{output.name}.{os.getpid()}.{word}") for word in ("partial", "replaced"))
    try:
        partial.mkdir(parents=True)
    except OSError as error:
        raise CheckpointError(f"{output}: cannot be written ({error})") from None
    try:
        yield partial
        if output.exists():
            output.rename(replaced)
        partial.rename(output)
    finally:
        shutil.rmtree(partial, ignore_errors=True)
    shutil.rmtree(replaced, ignore_errors=True)
