"""What is wrong with a configuration, in one line that a user can act on, from the errors of Hydra and OmegaConf."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import fields, is_dataclass
from typing import Any

from hydra.errors import ConfigCompositionException, MissingConfigException
from omegaconf import DictConfig, OmegaConf
from omegaconf.errors import OmegaConfBaseException

from llavaction.utils.errors import ConfigError, nearest

_NO_SUCH_KEY = ("ConfigKeyError", "ConfigAttributeError")


def refuse_unknown(node: DictConfig, prefix: str = "") -> None:
    """Refuse keys that `+key=value` added beside the fields of a dataclass, which would drop them without a word.

    Raises:
        ConfigError: naming the first such key and the nearest field.
    """
    schema = OmegaConf.get_type(node)
    keys = [str(key) for key in node]
    if schema is not None and is_dataclass(schema):
        known = {f"{prefix}{field.name}" for field in fields(schema)}
        for key in keys:
            if f"{prefix}{key}" not in known:
                raise ConfigError(unknown_key(f"{prefix}{key}", known))
    for key in keys:
        child = node._get_node(key)
        if isinstance(child, DictConfig) and not (child._is_missing() or child._is_none() or child._is_interpolation()):
            refuse_unknown(child, f"{prefix}{key}.")


def unknown_key(key: str, known: Iterable[str]) -> str:
    """The text about a key that does not exist."""
    return f"unknown key {key!r}{nearest(key, known)}"


def unknown_choice(error: MissingConfigException, groups: Mapping[str, Sequence[str]]) -> str:
    """The text about a choice that a group does not have.

    Args:
        groups: our own choices by group; Hydra's error lists only those in the folder it looked into.
    """
    missing = str(error.missing_cfg_file or "")
    group, _, choice = missing.partition("/")
    folder = missing.rpartition("/")[0]
    known = {f"{folder}/{option}".removeprefix(f"{group}/") for option in error.options or []}
    known.update(groups.get(group, []))
    if not known:
        return first_line(error)
    return f"{group}={choice}: no such choice{nearest(choice, known)} (known: {', '.join(sorted(known))})"


def composition_problem(error: ConfigCompositionException, schema: type, groups: Sequence[str]) -> str:
    """The text about a choice or value that cannot be put where it was meant to go.

    Args:
        schema: root of the command.
        groups: groups of the command.
    """
    text = str(error)
    if match := re.match(r"(In '[^']+': )?Could not override '([^']+)'. No match in the defaults list", text):
        place, group = match.groups(default="")
        return f"{place}{group!r} is no group of this command; its groups: {', '.join(groups) or 'none'}"
    if match := re.match(r"(?:Error merging override (.+)|Could not override '([^']+)')", text):
        assert isinstance(error.__cause__, OmegaConfBaseException)
        return value_problem(match.group(1) or match.group(2), error.__cause__, schema)
    if match := re.match(r"In '([^']+)': (\w+) raised while composing config:\n(.*)", text):
        file, kind, reason = match.groups()
        key = found.group(1) if (found := re.search(r"full_key: (\S+)", text)) else ""
        if kind in _NO_SUCH_KEY:
            return f"{file}.yaml: {unknown_key(key, known_keys(schema, key))}"
        return ": ".join(filter(None, [f"{file}.yaml", key, _in_our_words(reason)]))
    if match := re.match(r"Ambiguous value for argument '(.+)'$", first_line(error)):
        return unreadable_override(match.group(1))
    return first_line(error if text or error.__cause__ is None else error.__cause__)


def value_problem(override: str, error: OmegaConfBaseException, schema: type) -> str:
    """The text about an override that does not fit the schema."""
    if type(error).__name__ not in _NO_SUCH_KEY:
        return f"{override}: {_in_our_words(first_line(error))}"
    # The error stops at the first wrong word of a key, but goes into a value that is a dict.
    key = max(override.partition("=")[0].lstrip("+"), str(error.full_key), key=len)
    known = known_keys(schema, key)
    return f"{key} is not there yet; add it with +{key}=VALUE" if key in known else unknown_key(key, known)


def unreadable_override(override: str) -> str:
    """The text about an override that breaks Hydra's grammar."""
    return f"""cannot read {override!r}; write KEY=VALUE, and 'KEY="VALUE"' around a value with signs in it"""


def missing_value(error: OmegaConfBaseException) -> str:
    """The text about a value that has to be given."""
    # For video.folder = ${paths.videos} the text names paths.videos, which is what the user has to set.
    found = re.search(r"Missing mandatory value: ([\w.]+)", str(error))
    key = found.group(1) if found else error.full_key
    return f"{key} is not set; give {key}=VALUE"


def first_line(error: BaseException) -> str:
    """The first line of an error's text that is not empty."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return lines[0] if lines else type(error).__name__


def known_keys(schema: Any, asked: str, prefix: str = "") -> set[str]:
    """All keys of a schema; the names in its dicts are free, so there it holds what `asked` would have to be."""
    keys: set[str] = set()
    structured: Any = OmegaConf.structured(schema)
    for field in fields(schema):
        key, node = f"{prefix}{field.name}", structured._get_node(field.name)
        keys.add(key)
        if is_dataclass(node._metadata.ref_type):
            keys |= known_keys(node._metadata.ref_type, asked, f"{key}.")
        elif isinstance(node, DictConfig) and asked.startswith(f"{key}."):
            name = asked.removeprefix(f"{key}.").split(".")[0]
            element = node._metadata.element_type
            keys |= (
                {f"{key}.{name}", *known_keys(element, asked, f"{key}.{name}.")} if is_dataclass(element) else {asked}
            )
    return keys


def _in_our_words(text: str) -> str:
    # OmegaConf lists the names of enum members; the words people write are these in lower case.
    return re.sub(r"\[([A-Z0-9_, ]+)\]", lambda found: found.group(0).lower(), text)
