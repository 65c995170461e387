"""What a run computes, as one hash: two runs with the same identity give the same numbers.

Everything that decides the numbers goes in: the chosen components and their values, the versions of the
plugins that provide them, the data and their split. Where a run is logged, and how it was asked for (the
order of overrides, a preset, a default written out), stays out. Versions are the packages' own: whoever
changes a plugin without a new version number gets the old identity.
"""

from __future__ import annotations

import dataclasses
import hashlib
import json
from collections.abc import Mapping
from typing import Any

from harness import __version__
from harness.configuration.settings import GROUPS, WRAPPER, Run
from harness.fields import stated_fields
from harness.registry.registry import Plugin, Registry

__all__ = ["identity", "plugin_versions", "plugins_of", "sources_of"]

DECIDES_NOTHING = frozenset({"tracking", "skip_finished"})  # keys of the configuration


def identity(run: Run, sources: Mapping[str, str], data_sha256: str, split_sha256: str) -> str:
    """The SHA-256 of what a run computes, as 64 hexadecimal digits.

    Args:
        run: The run.
        sources: What provides each component, see `sources_of`.
        data_sha256: SHA-256 of the data, as in `Prepared`.
        split_sha256: SHA-256 of the rows of their parts, as in `Prepared`.
    """
    fields = [f.name for f in dataclasses.fields(run.config) if f.name not in DECIDES_NOTHING]
    values = {name: getattr(run.config, name) for name in fields}
    names = dict(run.names)  # these give the wrappers in their order
    if not run.config.wrapper:  # no wrappers: the same identity as if there were none to choose
        del values[WRAPPER], names[WRAPPER]
    # Losses that are off are left out: a newly installed one does not change what this run computes
    objective = run.config.objective
    values["objective"] = {**vars(objective), "auxiliary": objective.factors}
    content = {
        # Short names: whether a full one is needed depends on what else is installed, and the sources
        # tell components of the same name apart
        "names": {group: name.rpartition(":")[2] for group, name in names.items()},
        "values": values,
        "versions": {"harness": __version__, **sources},
        "data": {"rows": data_sha256, "split": split_sha256},
    }
    return hashlib.sha256(_canonical(content).encode()).hexdigest()


def _providers(run: Run, registry: Registry) -> dict[str, Plugin]:
    """The plugin of each component that a run uses, by the key that chooses it."""
    plugins = {g: registry.provider(kind, run.names[g]) for g, kind in GROUPS.items() if kind}
    plugins |= {
        f"{WRAPPER}.{name}": registry.provider(WRAPPER, name) for name in run.config.wrapper
    }
    return plugins | {
        f"objective.auxiliary.{name}": registry.provider("auxiliary_loss", name)
        for name in run.auxiliary
    }


def plugins_of(run: Run, registry: Registry) -> list[Plugin]:
    """The plugins that a run uses."""
    return list(_providers(run, registry).values())


def plugin_versions(run: Run, registry: Registry) -> dict[str, str]:
    """The version of each plugin that a run uses, by the plugin's name."""
    return {plugin.name: plugin.version for plugin in plugins_of(run, registry)}


def sources_of(run: Run, registry: Registry) -> dict[str, str]:
    """The plugin of each component that a run uses, with its version, by the key that chooses it."""
    providers = _providers(run, registry)
    return {group: f"{_source(plugin)} {plugin.version}" for group, plugin in providers.items()}


def _source(plugin: Plugin) -> str:
    """The name of a plugin; for harness' own it starts with the name that Python imports.

    What a run computes does not change with the name under which pip knows harness.
    """
    return f"harness:{plugin.name.partition(':')[2]}" if plugin.own else plugin.name


def _canonical(value: Any) -> str:
    """The same text for equal values, whatever the order of their keys.

    Numbers are written so that they can be read back exactly. An integer and an equal float differ; the
    type of the field has made the number one of the two.

    >>> _canonical({"lr": 1e-3, "betas": (0.9, -0.0), "hidden": [64]})
    '{"betas":[0.9,0.0],"hidden":[64],"lr":0.001}'
    """
    return json.dumps(_plain(value), sort_keys=True, separators=(",", ":"), default=str)


def _plain(value: Any) -> Any:
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return {name: _plain(inner) for name, inner in stated_fields(value).items()}
    if isinstance(value, Mapping):
        return {str(key): _plain(inner) for key, inner in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(inner) for inner in value]
    if isinstance(value, float):
        return value + 0.0  # −0 becomes 0
    return value
