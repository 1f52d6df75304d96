"""The card of an exported data set: a README.md whose YAML head the Hugging Face `datasets` library reads.

Format: https://huggingface.co/docs/hub/datasets-cards and https://huggingface.co/docs/hub/datasets-manual-configuration.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import yaml

from llavaction.sft.exports.config import ExportConfig
from llavaction.sft.exports.source import BuiltFolder, SampleFile
from llavaction.sft.samples import View

ALL_VIEWS = "all"
"""Name of the configuration that is loaded when none is named."""

VIEWS: dict[View, str] = {
    View.MQA: "choose the action among several; `options` and `answer_idx` tell which is right",
    View.TEMPORAL_ORDER: "the same, with the actions before it in the question; they are also in `prior`",
    View.CANDIDATES: "choose among the classes that a model ranks first; they stand by rank, so shuffle them before "
    "they are shown; `answer_idx` is null where the true class is not among them; not to be trained on",
    View.DIRECT: "name the action in words of one's own",
    View.TEMPORAL_DETECTION: "say when a named action starts and ends in a longer clip; `target` has the times",
    View.CAPTION: "describe the clip in detail; written by a vision-language model",
    View.QA: "short questions and answers on the clip; written by a vision-language model",
    View.REPLAY: "conversations of other data sets, which keep a model from forgetting",
}
"""What each view asks."""

FIELDS: dict[str, str] = {
    "sample_id": "unique within its file",
    "view": "what is asked, see above",
    "segment_id": "the annotated segment that it is about; null in replayed conversations",
    "clip": "the stretch of video that is shown, in seconds from the video's start; null where `media` or nothing is",
    "turns": "the conversation; `role` is `user` or `assistant`; each second turn is to be learned, save of candidates",
    "action": "the true verb, noun and action class; null where they are not known",
    "options": "the choices of a question: words, class, the answer that chooses it, and where a wrong one is from",
    "answer_idx": "the position of the right option; null where there is none",
    "prior": "earlier actions that the question tells, and how many seconds before the clip each began",
    "target": "the right stretch of time, in seconds from the clip's start; null in other questions",
    "media": "whole files that are shown instead of a clip; U+FFFC in a user's turn is the place of the next one",
}
"""What each column holds."""

SIZES = ((1_000, "n<1K"), (10_000, "1K<n<10K"), (100_000, "10K<n<100K"), (1_000_000, "100K<n<1M"))
LARGEST_SIZE = "1M<n<10M"
RECIPE = ("distractors", "prompts", "seed")


def dataset_card(source: BuiltFolder, names: Mapping[SampleFile, str], config: ExportConfig) -> str:
    """The text of README.md.

    Args:
        names: the Parquet file of each file of samples, relative to the card.
    """
    head = yaml.safe_dump(card_head(source, names, config), sort_keys=False, allow_unicode=True)
    sections = (
        f"# {config.title}",
        _contents(source),
        _loading(source),
        "## Fields\n\n" + _table(("field", "content"), [(f"`{name}`", text) for name, text in FIELDS.items()]),
        _recipe(source),
        _checking(source, names),
        _videos(),
        f"## Origin and licence\n\n{config.origin}\n\nLicence of this data set: `{config.license}`.",
        _limits(source),
    )
    return f"---\n{head}---\n\n" + "\n\n".join(sections) + "\n"


def card_head(source: BuiltFolder, names: Mapping[SampleFile, str], config: ExportConfig) -> dict[str, Any]:
    """The metadata: what the hub shows, and which files are which configuration and split."""
    configs: list[dict[str, Any]] = [
        {"config_name": ALL_VIEWS, "default": True, "data_files": _data_files(names, source.views)}
    ]
    configs += [{"config_name": str(view), "data_files": _data_files(names, [view])} for view in source.views]
    return {
        "pretty_name": config.title,
        "license": config.license,
        "language": ["en"],
        "task_categories": ["video-text-to-text", "visual-question-answering"],
        "tags": ["video", "egocentric", "action-recognition", "instruction-tuning", config.name],
        "size_categories": [size_category(source.num_samples)],
        "configs": configs,
    }


def size_category(num_samples: int) -> str:
    """The hub's word for a number of rows."""
    return next((name for limit, name in SIZES if num_samples < limit), LARGEST_SIZE)


def _data_files(names: Mapping[SampleFile, str], views: list[View]) -> list[dict[str, Any]]:
    """The files of some views, by split."""
    paths: dict[str, list[str]] = {}
    for file, name in names.items():
        if file.view in views:
            paths.setdefault(str(file.split), []).append(name)
    return [{"split": split, "path": found} for split, found in paths.items()]


def _contents(source: BuiltFolder) -> str:
    counts = {(file.view, file.split): f"{file.num_samples:,}" for file in source.files}
    rows = [
        (f"`{view}`", *(counts.get((view, split), "none") for split in source.splits), VIEWS[view])
        for view in source.views
    ]
    table = _table(("view", *(str(split) for split in source.splits), "asks to"), rows)
    return (
        "Conversations for teaching a multimodal language model to tell fine-grained actions apart in videos, and for "
        f"testing it. One configuration per view of the same segments; `{ALL_VIEWS}` has them together.\n\n{table}"
    )


def _loading(source: BuiltFolder) -> str:
    first = source.files[0]
    return f"""## Loading

```python
from datasets import load_dataset

everything = load_dataset("FOLDER")
one_view = load_dataset("FOLDER", "{first.view}", split="{first.split}")
```

In LLaVAction's code, `llavaction.sft.samples.Sample.from_row(row)` is the sample of a row."""


def _recipe(source: BuiltFolder) -> str:
    facts = [(f"`{name}`", f"`{_one_line(source.manifest[name])}`") for name in RECIPE]
    sources = [(_without_folders(name), f"`{digest}`") for name, digest in source.manifest["sources"].items()]
    settings = ""
    if "config" in source.manifest:
        text = yaml.safe_dump(_without_folders(source.manifest["config"]), sort_keys=False, allow_unicode=True)
        settings = f"\n\n<details><summary>All settings</summary>\n\n```yaml\n{text}```\n\n</details>"
    return (
        "## How it was made\n\n"
        "Templates made questions and answers of annotated segments: the narration is the answer, and what is drawn "
        "(wrong options, their order, wordings) depends on the seed and the segment's id alone, so that the same files "
        "give the same samples.\n\n"
        f"{_table(('choice', 'value'), facts)}{settings}\n\n"
        f"Made from these files:\n\n{_table(('file', 'SHA-256'), sources)}"
    )


def _checking(source: BuiltFolder, names: Mapping[SampleFile, str]) -> str:
    first = source.files[0]
    rows = [(f"`{name}`", f"{file.num_samples:,}", f"`{file.content_sha256}`") for file, name in names.items()]
    return f"""## Rebuilding and checking

With LLaVAction and the files above, and with those settings that are not its defaults:

```bash
{_build_command(source)}
llavaction verify FOLDER
llavaction export path=FOLDER formats=[datasets]
```

The hash of a file's samples does not depend on their order or on Parquet:

```python
from llavaction.sft.samples import Sample
from llavaction.utils.hashing import content_sha256
from llavaction.utils.jsonl import dump_line

rows = load_dataset("FOLDER", "{first.view}", split="{first.split}")
print(content_sha256(dump_line(Sample.from_row(row).to_row()) for row in rows))
```

{_table(("file", "samples", "content hash"), rows)}"""


def _build_command(source: BuiltFolder) -> str:
    manifest = source.manifest
    words = ["llavaction build-sft paths.annotations=FOLDER_OF_ANNOTATIONS output=FOLDER"]
    if isinstance(manifest["distractors"], str):
        words.append(f"distractors={manifest['distractors']}")
    if isinstance(manifest["prompts"], dict) and "name" in manifest["prompts"]:
        words.append(f"prompts={manifest['prompts']['name']}")
    words.append(f"sft.seed={manifest['seed']}")
    words.append(f"sft.splits=[{','.join(source.splits)}]")
    words.append(f"sft.views=[{','.join(source.views)}]")
    return " \\\n    ".join(words)


def _videos() -> str:
    return (
        "## Videos\n\n"
        "There are no videos in here. `clip` names a video of the data set that the annotations belong to, and a "
        "stretch of it; get the videos from their owners."
    )


def _limits(source: BuiltFolder) -> str:
    limits = [
        "A narration is what one annotator wrote at once; other words may be as right, and the exact start and end of "
        "an action are a matter of judgement.",
        "A wrong option is another class than the segment's own; it may still be seen in the clip, as people do "
        "several things at a time.",
        "The questions follow few templates, in English, and show kitchens of few households: a model that does well "
        "here may not elsewhere.",
        "`validation` is what results are reported on; do not train on it.",
    ]
    if {View.CAPTION, View.QA} & set(source.views):
        limits.append("Texts that a model wrote were not all checked by a person and may tell what is not there.")
    if View.REPLAY in source.views:
        limits.append("Replayed conversations have licences of their own, those of the data sets that they are from.")
    return "## Known limits\n\n" + "\n".join(f"- {limit}" for limit in limits)


def _table(head: tuple[str, ...], rows: Sequence[tuple[str, ...]]) -> str:
    lines = [head, ("---",) * len(head), *rows]
    return "\n".join("| " + " | ".join(cell.replace("|", "\\|") for cell in line) + " |" for line in lines)


def _without_folders(value: Any) -> Any:
    """The value, with the name alone of files of the machine that built the samples: it is all that others can use."""
    if isinstance(value, dict):
        return {key: _without_folders(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_without_folders(item) for item in value]
    return Path(value).name if isinstance(value, str) and Path(value).is_absolute() else value


def _one_line(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
