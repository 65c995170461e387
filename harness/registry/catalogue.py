"""What `harness plugins` shows: every plugin, what it provides, and the fields with their defaults."""

from __future__ import annotations

import dataclasses
import json
from typing import Any

from harness.registry.registry import Plugin, Registry
from harness.search_space import space_of

__all__ = ["as_json", "as_text", "fields_of"]


def as_json(registry: Registry) -> str:
    """The whole catalogue as JSON: a list of plugins."""
    plugins = [_plugin(plugin, registry) for plugin in registry.plugins]
    return json.dumps(plugins, indent=2, default=str)


def as_text(registry: Registry) -> str:
    """A listing for a terminal."""
    lines = []
    for plugin in registry.plugins:
        lines.append(
            f"{plugin.name}  (version {plugin.version}, module {plugin.module})  {_state(plugin)}"
        )
        lines += [f"  LEFT OUT: {problem}" for problem in plugin.problems if not plugin.error]
        for kind in plugin.components:
            lines.append(f"  {kind.replace('_', ' ')}")
            for name, component in registry.provided_by(plugin, kind).items():
                fields = ", ".join(f"{f}={v}" for f, v in fields_of(component).items())
                lines.append(f"    {name:<22} {_summary(component)}")
                if fields:
                    lines.append(f"    {'':<22} {fields}")
        lines.append("")
    return "\n".join(lines).rstrip()


def _state(plugin: Plugin) -> str:
    if plugin.blocked:
        return "BLOCKED"
    return f"NOT LOADED: {plugin.error}" if plugin.error else "loaded"


def _plugin(plugin: Plugin, registry: Registry) -> dict[str, Any]:
    return {
        "name": plugin.name,
        "distribution": plugin.distribution,
        "version": plugin.version,
        "module": plugin.module,
        "loaded": plugin.error is None and not plugin.blocked,
        "blocked": plugin.blocked,
        "error": plugin.error,
        "left_out": plugin.problems if plugin.error is None else [],
        "contract": plugin.contract,
        "import_seconds": round(plugin.seconds, 4),
        "components": {
            kind: {
                name: _component(component)
                for name, component in registry.provided_by(plugin, kind).items()
            }
            for kind in plugin.components
        },
    }


def _component(component: type) -> dict[str, Any]:
    space = {name: dataclasses.asdict(part) for name, part in space_of(component).items()}
    entry = {"summary": _summary(component), "fields": fields_of(component)}
    return entry | ({"search_space": space} if space else {})


def fields_of(component: type) -> dict[str, Any]:
    """Each field with its default; "required" where it has none."""
    defaults: dict[str, Any] = {}
    for field in dataclasses.fields(component):
        if field.default is not dataclasses.MISSING:
            defaults[field.name] = field.default
        elif field.default_factory is not dataclasses.MISSING:
            defaults[field.name] = field.default_factory()
        else:
            defaults[field.name] = "required"
    return defaults


def _summary(component: type) -> str:
    """The first line of the docstring."""
    return (component.__doc__ or "").strip().split("\n")[0]
