"""What is wrong with the overrides of a command line, in one message.

`check_overrides` looks at names before Hydra composes, also those behind a sweep's commas: a misspelt
tenth optimizer is found before the first one trains. `explain` turns what Hydra and OmegaConf raise
while composing (unknown keys, wrong types, syntax) into the same kind of message.
"""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Iterable, Sequence
from importlib import resources
from typing import Any

from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.core.override_parser.types import Override, OverrideType, ValueType
from hydra.errors import HydraException, MissingConfigException, OverrideParseException
from omegaconf import DictConfig
from omegaconf.errors import MissingMandatoryValue, OmegaConfBaseException
from yaml import MarkedYAMLError, YAMLError

from harness.configuration.hydra_store import choices
from harness.configuration.settings import GROUPS, NONE, WRAPPER, Config, Training
from harness.errors import ConfigurationError, HarnessError, unknown_name
from harness.registry.registry import Registry, load_registry

__all__ = ["as_typed", "check_overrides", "explain", "unknown_choice"]


def check_overrides(
    overrides: Sequence[str], registry: Registry, own_configs: bool = False
) -> None:
    """Raises ConfigurationError for an override that names something unknown.

    Args:
        overrides: Overrides of the command line.
        registry: The components that can be named.
        own_configs: Whether the user brings configuration files (--config-dir), whose options are not
            known here.
    """
    for override in OverridesParser.create().parse_overrides(overrides=list(overrides)):
        _check_override(override, registry, own_configs)


def _check_override(override: Override, registry: Registry, own_configs: bool) -> None:
    text, key = override.input_line, override.key_or_group
    top = key.replace("/", ".").split(".", maxsplit=1)[0]
    if "_target_" in (text or ""):
        raise ConfigurationError(
            f"{text!r}: a configuration names registered components and never code. "
            f"See `harness plugins` for the names."
        )
    if top == "hydra":
        return
    keys = {field.name for field in dataclasses.fields(Config)} | {"experiment"}
    if top not in keys:
        _check_not_short(top, top, registry)
        raise unknown_name("key", top, [*keys, "hydra"])
    wrapper = key.removeprefix(f"{WRAPPER}.")
    if wrapper != key and wrapper not in registry.options(WRAPPER):
        _check_not_short(key, wrapper, registry)
    if override.type is not OverrideType.CHANGE:
        fix = f"{key}={override.value()}" if override.value() is not None else f"{key}=…"
        raise ConfigurationError(
            f"{text!r}: nothing can be added to or removed from a configuration; every key has a "
            f"default already. Write it without the prefix, as in {fix}."
        )
    of_sweep = top in ("tracking", "skip_finished") or key == "experiment"
    if override.is_sweep_override() and of_sweep:
        raise ConfigurationError(
            f"{text!r}: {key} must be the same for all runs of a sweep. Start one sweep for each."
        )
    if key in GROUPS and isinstance(override.value(), list | None | dict):
        raise ConfigurationError(
            f"{text!r}: {key} takes the name of one component, as in {key}="
            f"{sorted(choices(registry, key))[0]}. To train several, use -m {key}=one,other."
        )
    if key == WRAPPER:
        _check_wrappers(override)
    if (key in GROUPS or key in (WRAPPER, "experiment")) and not own_configs:
        allowed = _experiments() if key == "experiment" else sorted(_options(registry, key))
        for name in _names(override):
            if name not in allowed:
                raise unknown_choice(key, name, allowed, registry)


def _check_wrappers(override: Override) -> None:
    """Raises ConfigurationError unless each choice is one name, or a list of different ones."""
    for choice in _choices(override):
        values = choice if isinstance(choice, list) else [choice]
        names = [str(value) for value in values if isinstance(value, str | int | float)]
        usage = (
            f"{WRAPPER}=ema takes one wrapper, {WRAPPER}=[ema,clip_norm] several, outermost first, and "
            f"{WRAPPER}={NONE} none."
        )
        if len(names) < len(values):
            raise ConfigurationError(
                f"{override.input_line!r}: wrappers are chosen by name. {usage}"
            )
        twice = sorted({name for name in names if names.count(name) > 1})
        if twice or (NONE in names and len(names) > 1):
            mistake = f"{', '.join(twice)} is in it twice" if twice else f"{NONE} stands alone"
            raise ConfigurationError(f"{override.input_line!r}: {mistake}. {usage}")


def _options(registry: Registry, group: str) -> Iterable[str]:
    """What a group can be set to."""
    return [*registry.options(WRAPPER), NONE] if group == WRAPPER else choices(registry, group)


def unknown_choice(
    group: str, name: str, allowed: Sequence[str], registry: Registry
) -> HarnessError:
    """The error for a name that a group does not offer."""
    kind = WRAPPER if group == WRAPPER else GROUPS.get(group)
    if kind is None:
        return unknown_name((group or "configuration").replace("_", " "), name, allowed)
    return registry.refusal(kind, name, allowed)


def _names(override: Override) -> list[str]:
    """The options that an override of a group chooses; none where it is not a choice of names."""
    values = [
        value
        for choice in _choices(override)
        # A choice of wrappers may be a list of them
        for value in (choice if isinstance(choice, list) else [choice])
    ]
    return [str(value) for value in values if isinstance(value, str | int | float)]


def _choices(override: Override) -> list[Any]:
    """The values of an override that is a choice, one or several."""
    if override.value_type is ValueType.GLOB_CHOICE_SWEEP:
        return []  # a pattern matches only what exists
    if override.is_choice_sweep():
        return list(override.sweep_iterator())
    return [] if override.is_sweep_override() else [override.value()]


def as_typed(text: str) -> str:
    r"""An override, or its value, with the colon of a full name as people write it.

    Hydra's sweepers escape it.

    >>> as_typed(r"optimizer=harness-lion\:my_lion")
    'optimizer=harness-lion:my_lion'
    """
    return re.sub(r"^((?:[\w/]+=)?[\w.-]+)\\:([\w-]+)$", r"\1:\2", text)


def _check_not_short(key: str, name: str, registry: Registry) -> None:
    """Raises ConfigurationError if a key is short for one that ends in this name.

    People write `lr` for `optimizer.lr`, and `wrapper.rho` for `wrapper.sam.rho`.
    """
    full = {f"training.{field.name}" for field in dataclasses.fields(Training)}
    for group in GROUPS:
        for component in choices(registry, group).values():
            full |= {f"{group}.{field.name}" for field in dataclasses.fields(component)}
    for wrapper, component in registry.options(WRAPPER).items():
        full |= {f"{WRAPPER}.{wrapper}.{field.name}" for field in dataclasses.fields(component)}
        full.add(f"{WRAPPER}.{wrapper}")
    near = sorted(full_key for full_key in full if full_key.rpartition(".")[2] == name)
    if near:
        raise ConfigurationError(f"Unknown key {key!r}. Did you mean {' or '.join(near)}?")


def _experiments() -> list[str]:
    folder = resources.files("harness.conf.experiment")
    return sorted(
        f.name.removesuffix(".yaml") for f in folder.iterdir() if f.name.endswith(".yaml")
    )


def explain(error: BaseException) -> str | None:
    """What to tell a person about an error of Hydra, OmegaConf or YAML; None for any other error."""
    if isinstance(error, YAMLError):
        return _explain_file(error)
    if isinstance(error, HydraException | OmegaConfBaseException):
        return _explain_configuration(error)
    return None


def _explain_file(error: YAMLError) -> str:
    """A file that is no YAML."""
    mark = error.problem_mark if isinstance(error, MarkedYAMLError) else None
    if mark is None:
        return f"A file of the configuration is no valid YAML: {error}"
    position = f"{mark.name}, line {mark.line + 1}, column {mark.column + 1}"
    return f"{position}: no valid YAML, {error.problem}."


def _explain_configuration(error: HydraException | OmegaConfBaseException) -> str:
    cause: Any = error
    while cause is not None and not isinstance(cause, OmegaConfBaseException):
        cause = cause.__cause__ or cause.__context__  # for a mistake in a file Hydra names no cause
    if isinstance(error, MissingConfigException) and error.options is not None:
        group, _, name = (error.missing_cfg_file or "").rpartition("/")
        unknown = str(unknown_choice(group, name, error.options, load_registry()))
        return f"{unknown} {_ELSEWHERE.get((group, name), '')}".rstrip()
    if isinstance(cause, OmegaConfBaseException):
        return _explain_node(cause)
    first = _first_line(error)
    if first.startswith("Ambiguous value"):
        return (
            f"{first}: it names several values. Add -m to train each of them; a list is written with "
            f"brackets, as in network.hidden=[64,32]."
        )
    if isinstance(error, OverrideParseException):
        return f"{first}. Overrides are written key=value, as in optimizer.lr=0.1."
    return f"{first}."


_ELSEWHERE = {  # options of packages that may not be installed
    ("hydra/launcher", "joblib"): "It comes with pip install 'optimizer-harness[joblib]'.",
}


def _explain_node(error: OmegaConfBaseException) -> str:
    """An unknown key, or a value of the wrong type, at a node of the tree."""
    key = str(error.full_key or error.key or "")
    parent = error.parent_node
    if isinstance(error, MissingMandatoryValue):
        return f"{key} has no default: give it a value, as in {key}=…"
    if "is not a ListConfig" in _first_line(error):
        return f"{key} is a list: write it with brackets, as in {key}=[64]."
    if "not in" in _first_line(error) and isinstance(parent, DictConfig):
        path, _, name = key.rpartition(".")
        if path == "objective.auxiliary" and load_registry().is_known("auxiliary_loss", name):
            return str(load_registry().refusal("auxiliary_loss", name, ()))
        keys = [f"{path}.{child!s}" if path else str(child) for child in parent]
        return str(unknown_name("key", f"{path}.{name}" if path else name, keys))
    return f"{key}: {_first_line(error)}." if key else f"{_first_line(error)}."


def _first_line(error: BaseException) -> str:
    return (str(error).strip().splitlines() or [type(error).__name__])[0].rstrip(".")
