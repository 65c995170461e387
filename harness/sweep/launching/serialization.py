"""Jobs as plain data: JSON text that another machine turns back into the same jobs.

A component travels as its name and the values of its fields. The other machine merges them into the
typed nodes that Hydra composes with. So a text can choose registered components and set their fields,
and nothing else. The plugins that its runs use must be installed there in the same version.
"""

from __future__ import annotations

import dataclasses
import json
import re
import socket
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from omegaconf import OmegaConf
from omegaconf.errors import OmegaConfBaseException

import harness
from harness.configuration.hydra_store import choices, node
from harness.configuration.identity import plugins_of
from harness.configuration.job import Job
from harness.configuration.nodes import node_of
from harness.configuration.overrides import explain, unknown_choice
from harness.configuration.run import run_from_config
from harness.configuration.settings import GROUPS, WRAPPER, Config, Run
from harness.errors import ConfigurationError, PluginError, unknown_name
from harness.registry.blocking import DISTRIBUTION
from harness.registry.registry import Registry

__all__ = ["JobBatch", "blocked_in", "dumps", "loads"]


@dataclass(frozen=True)
class JobBatch:
    """Jobs, and where they come from.

    Attributes:
        jobs: The jobs.
        directory: Working directory of the sweep, to which relative paths in a configuration refer.
        host: Name of the machine where the sweep was started.
    """

    jobs: tuple[Job, ...]
    directory: Path
    host: str


def dumps(jobs: Sequence[Job], registry: Registry) -> str:
    """The jobs as JSON text."""
    versions = {p.distribution: p.version for job in jobs for p in plugins_of(job.run, registry)}
    return json.dumps(
        {
            "host": socket.gethostname(),
            "directory": str(Path.cwd()),
            "versions": {DISTRIBUTION: harness.__version__, **versions},
            "blocked": sorted(registry.blocked),
            "jobs": [
                {
                    "names": _unambiguous(job.run.names, registry),
                    "config": dataclasses.asdict(job.run.config),
                    "folder": str(job.folder),
                    "name": job.name,
                    "overrides": job.overrides,
                    "sweep": job.sweep,
                    "sweep_folder": None if job.sweep_folder is None else str(job.sweep_folder),
                }
                for job in jobs
            ],
        }
    )


def _unambiguous(names: Mapping[str, str], registry: Registry) -> dict[str, str]:
    """Names by which another machine finds the same components, even beside others of that name."""
    unambiguous = dict(names)
    for group, kind in GROUPS.items():
        if kind and not registry.provider(kind, names[group]).own:
            unambiguous[group] = registry.provided(kind, names[group]).full
    return unambiguous


def blocked_in(text: str) -> list[str]:
    """The plugins that must not be imported where the jobs of a text are read."""
    return list(json.loads(text)["blocked"])


def loads(text: str, registry: Registry) -> JobBatch:
    """The jobs of a text, their runs checked as if they were composed here.

    Args:
        text: Jobs as `dumps` writes them.
        registry: Components of this machine, registered with Hydra before (`hydra_store.register`).

    Raises:
        PluginError: If a plugin has another version here than where the text was written.
        ConfigurationError: If a run could not have been composed.
    """
    content = json.loads(text)
    _check_versions(content["versions"], content["host"], registry)
    composer = _RunComposer(registry)
    jobs = tuple(
        Job(
            run=composer.run(job["names"], job["config"]),
            folder=Path(job["folder"]),
            name=job["name"],
            overrides=tuple(job["overrides"]),
            sweep=job["sweep"],
            sweep_folder=None if job["sweep_folder"] is None else Path(job["sweep_folder"]),
        )
        for job in content["jobs"]
    )
    return JobBatch(jobs, Path(content["directory"]), content["host"])


def _check_versions(required: Mapping[str, str], host: str, registry: Registry) -> None:
    installed = {plugin.distribution: plugin.version for plugin in registry.plugins}
    installed[DISTRIBUTION] = harness.__version__
    for distribution, version in required.items():
        if installed.get(distribution) != version:
            here = f"version {installed[distribution]}" if distribution in installed else "none"
            raise PluginError(
                f"The sweep was started on {host} with version {version} of {distribution}, and "
                f"{socket.gethostname()} has {here}. Install the same one on all machines: "
                f"pip install {distribution}=={version}"
            )


class _RunComposer:
    """Makes runs from names and fields. Values that many runs of a text have in common are made once."""

    def __init__(self, registry: Registry) -> None:
        self._registry = registry
        self._choices = {group: choices(registry, group) for group in GROUPS}
        self._schema = node("schema")
        self._values: dict[tuple[str, str, str], Any] = {}

    def run(self, names: Mapping[str, str], fields: Mapping[str, Any]) -> Run:
        """The run with these components and values of their fields."""
        expected = {field.name for field in dataclasses.fields(Config)}
        for name in expected.symmetric_difference(fields):
            raise unknown_name("key of a configuration", name, expected)
        for group, components in self._choices.items():
            if names[group] not in components:
                raise unknown_choice(group, names[group], list(components), self._registry)
        values = {key: self._value(key, names.get(key, ""), fields[key]) for key in fields}
        return run_from_config(Config(**values), self._registry)

    def _value(self, key: str, name: str, value: Any) -> Any:
        """The value of a key at the top of the tree, with the type of the schema or the component."""
        cache_key = (key, name, json.dumps(value))
        if cache_key not in self._values:
            part = OmegaConf.masked_copy(self._schema, key)
            if key in GROUPS:
                part[key] = node_of(self._choices[key][name])
            if key == WRAPPER:
                wrappers = {name: self._registry.component(WRAPPER, name) for name in value}
                part[key] = {name: node_of(wrapper) for name, wrapper in wrappers.items()}
            try:
                merged: Any = OmegaConf.merge(part, {key: _literal(value)})
                typed = merged[key]
                if OmegaConf.is_config(typed):
                    typed = OmegaConf.to_object(typed)
            except OmegaConfBaseException as error:
                raise ConfigurationError(explain(error) or str(error)) from error
            self._values[cache_key] = typed
        return self._values[cache_key]


def _literal(value: Any) -> Any:
    """The value with every `${` escaped: interpolations were resolved before, and the rest is text."""
    if isinstance(value, str):
        return re.sub(r"(\\*)\$\{", lambda match: f"{match[1] * 2}\\${{", value)
    if isinstance(value, Mapping):
        return {key: _literal(inner) for key, inner in value.items()}
    if isinstance(value, list):
        return [_literal(inner) for inner in value]
    return value
