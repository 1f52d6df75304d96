"""Templates that come from YAML files: which names in braces they may hold."""

from __future__ import annotations

import string
from collections.abc import Collection

from llavaction.utils.errors import ConfigError


def check_template(place: str, template: str, needed: Collection[str], optional: Collection[str] = ()) -> None:
    """Make sure that a template holds each of `needed` in braces, and beside them nothing but `optional`.

    Args:
        place: how messages name the template.

    Raises:
        ConfigError: for a lone brace, or another set of names.
    """
    try:
        found = {
            f"{field}{'!' + conversion if conversion else ''}{':' + spec if spec else ''}"
            for _, field, spec, conversion in string.Formatter().parse(template)
            if field is not None
        }
    except ValueError as error:
        raise ConfigError(f"{place} = {template!r}: {error}") from None
    # Bare names only: "{text.__class__}", "{text!r}" and "{text:{letter.x}}" are refused here.
    if not set(needed) <= found <= {*needed, *optional}:
        also = f" and may use {sorted(optional)}" if optional else ""
        raise ConfigError(f"{place} = {template!r} uses {sorted(found)}, must use exactly {sorted(needed)}{also}")
