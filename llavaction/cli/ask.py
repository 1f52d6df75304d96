"""`llavaction ask`: a question about a video file."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING, NoReturn

from llavaction.cli.checkpoints import usable_checkpoint
from llavaction.cli.evaluate import pick_device
from llavaction.config.compose import compose_config
from llavaction.config.schema import AskRoot
from llavaction.model.checkpoints import is_hub_id
from llavaction.sft.prompts import LETTERS
from llavaction.utils.console import console, output
from llavaction.utils.errors import CheckpointError, ConfigError
from llavaction.utils.logs import set_up_logging

if TYPE_CHECKING:
    from llavaction.evaluation.answering import Answerer, Prompt

OPTIONS = """
  --video FILE          video to look at (needed)
  --question TEXT       what to ask; without it, the prompt for naming the action
  --start S, --stop S   stretch of the video in seconds; the whole file by default
  --options TEXT ...    choices; the answer is the likeliest one, with the probability of each"""


def main(words: list[str]) -> None:
    """Answer on standard output."""
    options, overrides = _parse(words)
    root: AskRoot = compose_config("ask", overrides)
    question = _question(options, root)
    name = root.model.checkpoint
    if not Path(name).is_dir() and not is_hub_id(name):
        raise CheckpointError(f"{name}: no such folder; `llavaction demo` makes it, or set model.checkpoint=FOLDER")
    set_up_logging()
    from llavaction.evaluation.answering import Answerer, Prompt
    from llavaction.sft.samples import Role, Turn
    from llavaction.video.clip import ClipLoader

    console.print(f"checkpoint: {name}")
    checkpoint = usable_checkpoint(name)
    answerer = Answerer.load(checkpoint, dtype=root.model.dtype, attention=root.model.attention, device=pick_device())
    processor = answerer.processor
    clip = ClipLoader(root.video).load_file(
        Path(options.video), options.start, options.stop, num_frames=processor.config.num_frames
    )
    pixels = processor.pixels(clip.frames)
    ids = processor.prompt_ids([Turn(Role.USER, question)], len(pixels))
    prompt = Prompt(ids, answerer.encode([pixels])[0])
    if options.options:
        _show_choice(answerer, prompt, options.options, root)
    else:
        answerer.generate([prompt], root.max_new_tokens, on_text=lambda text: output.print(text, end="", markup=False))
        output.print()


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        raise ConfigError(f"{message}; see llavaction ask --help")


def _parse(words: list[str]) -> tuple[argparse.Namespace, list[str]]:
    parser = _Parser(prog="llavaction ask", add_help=False, allow_abbrev=False)
    parser.add_argument("--video", required=True)
    parser.add_argument("--question")
    parser.add_argument("--start", type=float)
    parser.add_argument("--stop", type=float)
    parser.add_argument("--options", nargs="+", default=[])
    options = parser.parse_args([word for word in words if not _is_override(word)])
    return options, overrides_in(words)


def overrides_in(words: list[str]) -> list[str]:
    """The overrides among the words: they may stand anywhere, as a choice is never of the form key=value."""
    return [word for word in words if _is_override(word)]


def _is_override(word: str) -> bool:
    key, found, _ = word.partition("=")
    return bool(found) and not word.startswith("--") and key.lstrip("+~").replace(".", "").replace("_", "").isalnum()


def _question(options: argparse.Namespace, root: AskRoot) -> str:
    prompts = root.prompts
    if options.options:
        if not 2 <= len(options.options) <= len(LETTERS) or len(set(options.options)) != len(options.options):
            raise ConfigError(f"--options needs 2 to {len(LETTERS)} choices, none twice")
        if options.question is None:
            return prompts.question(options.options)
        lines = [prompts.mqa_option.format(letter=letter, text=text) for letter, text in zip(LETTERS, options.options)]
        return "\n".join([options.question, *lines])
    return options.question if options.question is not None else prompts.direct_question


def _show_choice(answerer: Answerer, prompt: Prompt, texts: list[str], root: AskRoot) -> None:
    import torch

    lines = [root.prompts.answer(idx, text) for idx, text in enumerate(texts)]
    scores = answerer.score([prompt], [[answerer.processor.answer_ids(line) for line in lines]])[0]
    shares = torch.tensor(scores).softmax(0).tolist()
    output.print(texts[max(range(len(texts)), key=shares.__getitem__)], markup=False)
    for share, line in sorted(zip(shares, lines, strict=True), reverse=True):
        console.print(f"  {share:6.1%}  {line}", markup=False)
