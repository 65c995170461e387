"""Jobs as plain data: JSON text that another machine turns back into the same jobs.

A component travels as its name and the values of its fields. On the other side both meet the typed nodes
again that Hydra composes with, so a text can choose registered components and set their fields, and
nothing else; the plugins that its runs use must be there in the same version.
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
from harness.configuration.run import run_of
from harness.configuration.settings import GROUPS, WRAPPER, Config, Run
from harness.errors import ConfigurationError, PluginError, unknown_name
from harness.registry.registry import Registry

__all__ = ["JobBatch", "blocked_in", "pack", "unpack"]


@dataclass(frozen=True)
class JobBatch:
    """Jobs, and where they come from: the working directory there, and the name of that machine.

    Relative paths in a configuration are meant from that directory.
    """

    jobs: tuple[Job, ...]
    directory: Path
    host: str


def pack(jobs: Sequence[Job], registry: Registry) -> str:
    """The jobs as JSON text."""
    used = {p.distribution: p.version for job in jobs for p in plugins_of(job.run, registry)}
    return json.dumps(
        {
            "host": socket.gethostname(),
            "directory": str(Path.cwd()),
            "versions": {"harness": harness.__version__, **used},
            "blocked": sorted(registry.blocked),
            "jobs": [
                {
                    "names": _lasting(job.run.names, registry),
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


def _lasting(names: Mapping[str, str], registry: Registry) -> dict[str, str]:
    """The names by which another machine finds the same components, whatever else is installed there."""
    lasting = dict(names)
    for group, kind in GROUPS.items():
        if kind and not registry.provider(kind, names[group]).own:
            lasting[group] = registry.provided(kind, names[group]).full
    return lasting


def blocked_in(text: str) -> list[str]:
    """The plugins that must not be imported where the jobs of a text are unpacked."""
    return list(json.loads(text)["blocked"])


def unpack(text: str, registry: Registry) -> JobBatch:
    """The jobs of a text, their runs checked as if composed here. `config.register` comes first.

    Raises PluginError where a plugin has another version than where the text was written, and
    ConfigurationError for what could not have been composed.
    """
    message = json.loads(text)
    _check_versions(message["versions"], message["host"], registry)
    nodes = _Nodes(registry)
    jobs = tuple(
        Job(
            run=nodes.run(job["names"], job["config"]),
            folder=Path(job["folder"]),
            name=job["name"],
            overrides=tuple(job["overrides"]),
            sweep=job["sweep"],
            sweep_folder=None if job["sweep_folder"] is None else Path(job["sweep_folder"]),
        )
        for job in message["jobs"]
    )
    return JobBatch(jobs, Path(message["directory"]), message["host"])


def _check_versions(wanted: Mapping[str, str], host: str, registry: Registry) -> None:
    here = {plugin.distribution: plugin.version for plugin in registry.plugins}
    here["harness"] = harness.__version__
    for distribution, version in wanted.items():
        if here.get(distribution) != version:
            found = f"version {here[distribution]}" if distribution in here else "none"
            raise PluginError(
                f"The sweep was started on {host} with version {version} of {distribution}, and "
                f"{socket.gethostname()} has {found}. Install the same one on all machines: "
                f"pip install {distribution}=={version}"
            )


class _Nodes:
    """Makes runs from names and fields. What many runs of a text have in common is made once."""

    def __init__(self, registry: Registry) -> None:
        self._registry = registry
        self._choices = {group: choices(registry, group) for group in GROUPS}
        self._schema = node("schema")
        self._known: dict[tuple[str, str, str], Any] = {}

    def run(self, names: Mapping[str, str], fields: Mapping[str, Any]) -> Run:
        """The run with these components and values of their fields."""
        expected = {field.name for field in dataclasses.fields(Config)}
        for name in expected.symmetric_difference(fields):
            raise unknown_name("key of a configuration", name, expected)
        for group, allowed in self._choices.items():
            if names[group] not in allowed:
                raise unknown_choice(group, names[group], list(allowed), self._registry)
        values = {key: self._value(key, names.get(key, ""), fields[key]) for key in fields}
        return run_of(Config(**values), self._registry)

    def _value(self, key: str, name: str, value: Any) -> Any:
        """The value at the top of the tree, of the type that the schema or the component says."""
        known = (key, name, json.dumps(value))
        if known not in self._known:
            part = OmegaConf.masked_copy(self._schema, key)
            if key in GROUPS:
                part[key] = node_of(self._choices[key][name])
            if key == WRAPPER:
                part[key] = {one: node_of(self._registry.component(WRAPPER, one)) for one in value}
            try:
                merged: Any = OmegaConf.merge(part, {key: _literal(value)})
                found = merged[key]
                if OmegaConf.is_config(found):
                    found = OmegaConf.to_object(found)
            except OmegaConfBaseException as error:
                raise ConfigurationError(explain(error) or str(error)) from error
            self._known[known] = found
        return self._known[known]


def _literal(value: Any) -> Any:
    """Text like `${…}` was resolved before it was sent, and OmegaConf is to take it as it is."""
    if isinstance(value, str):
        return re.sub(r"(\\*)\$\{", lambda match: f"{match[1] * 2}\\${{", value)
    if isinstance(value, Mapping):
        return {key: _literal(inner) for key, inner in value.items()}
    if isinstance(value, list):
        return [_literal(inner) for inner in value]
    return value
