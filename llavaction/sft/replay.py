"""Files of conversations from other data sets, replayed in training against forgetting."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from llavaction.sft.conversations import BrokenEntryError, Conversation, parse_entry
from llavaction.sft.samples import Sample, View
from llavaction.utils.errors import ConfigError, DataError
from llavaction.utils.hashing import content_sha256
from llavaction.utils.jsonl import dump_line, read_json, read_jsonl
from llavaction.utils.seeding import seed_for


@dataclass
class ReplayConfig:
    """Which conversations are replayed."""

    path: str = ""
    """JSON or JSONL file of conversations; empty, as it depends on the machine."""
    skip_broken: bool = False
    """Leave out entries that are no samples and count them by reason; by default the first one is an error."""
    limit: int | None = None
    """At most so many conversations, drawn by seed and id whatever their order; null takes all."""

    def __post_init__(self) -> None:
        if self.limit is not None and self.limit < 1:
            raise ConfigError(f"replay: limit = {self.limit} of {self.path}: must be 1 or more, or null")


def build_replay(config: ReplayConfig, seed: int) -> tuple[list[Sample], dict[str, int]]:
    """The samples of a file, sorted by id, and how many entries there are, become samples, or do not and why.

    The counts: `entries`; `missing_ids` and `repeated_ids`, entries that got a name of their own; `broken_{fault}`
    where there are some; `over_limit`; `samples`.

    Raises:
        ConfigError: when no file is named.
        DataError: when it cannot be read, an entry is broken (unless `skip_broken`), or no sample is left.
    """
    if not config.path:
        raise ConfigError("replay: path is not set; name a JSON or JSONL file of conversations")
    path = Path(config.path)
    conversations, counts = _read(path, config.skip_broken)
    if not conversations:
        raise DataError(f"{path}: none of its entries is a sample: {counts}")
    samples = _samples(path, conversations)
    samples.sort(key=lambda sample: (seed_for(seed, "replay", sample.sample_id), sample.sample_id))
    chosen = sorted(samples[: config.limit], key=lambda sample: sample.sample_id)
    return chosen, {**counts, "over_limit": len(samples) - len(chosen), "samples": len(chosen)}


def read_conversations(path: Path) -> list[Sample]:
    """All samples of a file, in its order.

    An id is ``replay/{name of the file}/{id}``. Where the id is missing or stands more than once (public files have
    both), ``~`` and a hash of the conversation follow, so that ids do not depend on the order of the file; one that
    is there twice, word for word, is numbered.

    Raises:
        DataError: when the file cannot be read, or naming the first entry that is no sample.
    """
    return _samples(path, _read(path, skip_broken=False)[0])


def _read(path: Path, skip_broken: bool) -> tuple[list[Conversation], dict[str, int]]:
    faults: Counter[str] = Counter()
    conversations: list[Conversation] = []
    for number, entry in enumerate(_entries(path), start=1):
        try:
            conversations.append(parse_entry(entry))
        except BrokenEntryError as error:
            if not skip_broken:
                entry_id = repr(entry.get("id")) if isinstance(entry, dict) else "none"
                raise DataError(
                    f"{path}: entry {number} (id {entry_id}): {error}; mend it, or leave such entries out with "
                    "skip_broken=true"
                ) from None
            faults[f"broken_{error.fault}"] += 1
    times = Counter(conversation.entry_id for conversation in conversations)
    missing = times.pop("", 0)
    repeated = sum(count for count in times.values() if count > 1)
    num_entries = len(conversations) + faults.total()
    return conversations, {"entries": num_entries, "missing_ids": missing, "repeated_ids": repeated, **faults}


def _entries(path: Path) -> Iterator[Any]:
    if path.suffix == ".jsonl":
        yield from read_jsonl(path)
        return
    entries = read_json(path)
    if not isinstance(entries, list):
        raise DataError(f"{path}: expected a JSON list of conversations, found {type(entries).__name__}")
    yield from entries


def _samples(path: Path, conversations: Sequence[Conversation]) -> list[Sample]:
    times = Counter(conversation.entry_id for conversation in conversations)
    taken: Counter[str] = Counter()
    samples = []
    for conversation in conversations:
        name = conversation.entry_id
        if not name or times[name] > 1:
            name += f"~{_content_hash(conversation)}"
            taken[name] += 1
            name += f"~{taken[name]}" if taken[name] > 1 else ""
        sample_id = f"{View.REPLAY}/{path.stem}/{name}"
        samples.append(Sample(sample_id, View.REPLAY, None, None, conversation.turns, media=conversation.media))
    return samples


def _content_hash(conversation: Conversation) -> str:
    row = {"turns": [vars(turn) for turn in conversation.turns], "media": [vars(file) for file in conversation.media]}
    return content_sha256([dump_line(row)])[:12]
