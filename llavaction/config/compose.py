"""Composing a command's configuration from `configs/` and overrides, and checking all of it."""

from __future__ import annotations

from dataclasses import asdict, fields, is_dataclass
from pathlib import Path
from typing import Any

import yaml
from hydra import compose, initialize_config_dir
from hydra.core.config_store import ConfigStore
from hydra.core.global_hydra import GlobalHydra
from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.core.override_parser.types import Override
from hydra.errors import ConfigCompositionException, HydraException, MissingConfigException, OverrideParseException
from omegaconf import DictConfig, OmegaConf, open_dict
from omegaconf.errors import InterpolationToMissingValueError, MissingMandatoryValue, OmegaConfBaseException

from llavaction.config import problems
from llavaction.config.schema import ROOTS
from llavaction.utils.errors import ConfigError
from llavaction.utils.plain import plain

PATHS = "paths"


def config_folder() -> Path:
    """`configs/` of a checkout, or the copy inside an installed package.

    Raises:
        ConfigError: when neither exists.
    """
    package = Path(__file__).resolve().parents[1]
    for folder in (package.parent / "configs", package / "configs"):
        if (folder / "train.yaml").is_file():
            return folder
    raise ConfigError(f"no configs beside {package}; install the package again")


def compose_config(root: str, overrides: list[str]) -> Any:
    """The typed configuration of a command.

    Args:
        root: name of the command's YAML file, for example ``train``.
        overrides: Hydra overrides, for example ``["model=tiny", "train.epochs=2"]``.

    Raises:
        ConfigError: for an unknown key or choice (with the nearest known), a value of the wrong type, a missing
            value, or values that contradict each other.
    """
    schema = ROOTS[root]
    config = _compose(root, overrides)
    problems.refuse_unknown(config)
    try:
        return schema(**{field.name: _section(config, field.name) for field in fields(schema)})
    except (MissingMandatoryValue, InterpolationToMissingValueError) as error:
        raise ConfigError(problems.missing_value(error)) from None
    except OmegaConfBaseException as error:
        raise ConfigError(problems.first_line(error)) from None


def saved_config(root: str, path: Path, overrides: list[str]) -> Any:
    """The typed configuration that a command wrote into its folder, with changes.

    Args:
        root: name of the command's YAML file.
        path: the `config.yaml` that `resolved_yaml` made.
        overrides: ``KEY=VALUE``; the values in the file are final, so it is ``annotations.folder``, not
            ``paths.annotations``, that tells where files lie now.

    Raises:
        ConfigError: for an unknown key, or a value of the wrong type.
    """
    try:
        config = OmegaConf.merge(OmegaConf.structured(ROOTS[root]), OmegaConf.load(path))
        for override in OverridesParser.create().parse_overrides(overrides):
            try:
                OmegaConf.update(config, override.key_or_group, override.value(), merge=True)
            except OmegaConfBaseException as error:
                raise ConfigError(problems.value_problem(str(override.input_line), error, ROOTS[root])) from None
        assert isinstance(config, DictConfig)
        return ROOTS[root](**{field.name: _section(config, field.name) for field in fields(ROOTS[root])})
    except OverrideParseException as error:
        raise ConfigError(problems.unreadable_override(error.override)) from None
    except (OmegaConfBaseException, yaml.YAMLError) as error:
        raise ConfigError(f"{path}: {problems.first_line(error)}") from None


def resolved_yaml(root: Any) -> str:
    """A typed configuration as YAML, every value as it is used."""
    return yaml.safe_dump(plain(asdict(root)), sort_keys=False, allow_unicode=True)


def choices(folder: Path | None = None) -> dict[str, list[str]]:
    """The config groups and what can be chosen in each."""
    folder = folder or config_folder()
    groups: dict[str, list[str]] = {}
    for group in sorted(path for path in folder.iterdir() if path.is_dir()):
        files = sorted(group.rglob("*.yaml"))
        groups[group.name] = [str(file.relative_to(group).with_suffix("")) for file in files]
    return groups


def groups_of(root: str) -> list[str]:
    """The groups that a command chooses from, in the order of its YAML file."""
    text = (config_folder() / f"{root}.yaml").read_text(encoding="utf-8")
    return [group for entry in yaml.safe_load(text)["defaults"] if isinstance(entry, dict) for group in entry]


def _compose(root: str, overrides: list[str]) -> DictConfig:
    ConfigStore.instance().store(name=f"{root}_schema", node=ROOTS[root])
    GlobalHydra.instance().clear()
    try:
        parsed = OverridesParser.create().parse_overrides(overrides)
        added = [override for override in parsed if override.is_add() and override.key_or_group.count(".") > 1]
        with initialize_config_dir(version_base="1.3", config_dir=str(config_folder())):
            config = compose(root, [str(override.input_line) for override in parsed if override not in added])
    except MissingConfigException as error:
        raise ConfigError(problems.unknown_choice(error, choices())) from None
    except ConfigCompositionException as error:
        raise ConfigError(problems.composition_problem(error, ROOTS[root], groups_of(root))) from None
    except OverrideParseException as error:
        raise ConfigError(problems.unreadable_override(error.override)) from None
    except (HydraException, ValueError) as error:
        raise ConfigError(f"cannot read the overrides: {problems.first_line(error)}") from None
    except yaml.YAMLError as error:
        raise ConfigError(f"a config file is not YAML: {' '.join(str(error).split())}") from None
    for override in added:
        _add(config, override, ROOTS[root])
    return config


def _add(config: DictConfig, override: Override, schema: type) -> None:
    """Apply ``+evaluation.tasks.NAME.samples=FILE``: Hydra would put a plain dict where a typed element belongs."""
    words = override.key_or_group.split(".")
    try:
        for end in range(1, len(words)):
            holder = OmegaConf.select(config, ".".join(words[:end]))
            element = holder._metadata.element_type if isinstance(holder, DictConfig) else None
            if is_dataclass(element) and words[end] not in holder:
                with open_dict(holder):
                    holder[words[end]] = element
        OmegaConf.update(config, override.key_or_group, override.value(), merge=True, force_add=True)
    except OmegaConfBaseException as error:
        raise ConfigError(problems.value_problem(str(override.input_line), error, schema)) from None


def _section(config: DictConfig, name: str) -> Any:
    """One part of the root as a typed object."""
    section = config[name]
    if name == PATHS:
        # A path that no other part refers to need not be set.
        section = OmegaConf.merge(section, {key: None for key in section if OmegaConf.is_missing(section, key)})
    return OmegaConf.to_object(section) if isinstance(section, DictConfig) else section
