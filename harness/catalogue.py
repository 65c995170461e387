"""What `harness plugins` shows: every plugin, what it provides, and the fields with their defaults."""

from __future__ import annotations

import dataclasses
import json
from typing import Any

from harness.registry import Plugin, Registry
from harness.search import space_of

__all__ = ["as_json", "as_text", "fields_of"]


def as_json(registry: Registry) -> str:
    """The whole catalogue as JSON: a list of plugins."""
    return json.dumps([_plugin(plugin) for plugin in registry.plugins], indent=2)


def as_text(registry: Registry) -> str:
    """A listing for a terminal."""
    lines = []
    for plugin in registry.plugins:
        state = f"NOT LOADED: {plugin.error}" if plugin.error else "loaded"
        lines.append(f"{plugin.name}  (version {plugin.version}, module {plugin.module})  {state}")
        for kind, components in plugin.components.items():
            lines.append(f"  {kind.replace('_', ' ')}")
            for name, component in sorted(components.items()):
                fields = ", ".join(f"{f}={v}" for f, v in fields_of(component).items())
                lines.append(f"    {name:<22} {_summary(component)}")
                if fields:
                    lines.append(f"    {'':<22} {fields}")
        lines.append("")
    return "\n".join(lines).rstrip()


def _plugin(plugin: Plugin) -> dict[str, Any]:
    return {
        "name": plugin.name,
        "distribution": plugin.distribution,
        "version": plugin.version,
        "module": plugin.module,
        "loaded": plugin.error is None,
        "error": plugin.error,
        "components": {
            kind: {name: _component(component) for name, component in sorted(components.items())}
            for kind, components in plugin.components.items()
        },
    }


def _component(component: type) -> dict[str, Any]:
    space = {name: dataclasses.asdict(found) for name, found in space_of(component).items()}
    shown = {"summary": _summary(component), "fields": fields_of(component)}
    return shown | ({"search_space": space} if space else {})


def fields_of(component: type) -> dict[str, Any]:
    """Each field with its default; "required" where it has none."""
    found: dict[str, Any] = {}
    for field in dataclasses.fields(component):
        if field.default is not dataclasses.MISSING:
            found[field.name] = field.default
        elif field.default_factory is not dataclasses.MISSING:
            found[field.name] = field.default_factory()
        else:
            found[field.name] = "required"
    return found


def _summary(component: type) -> str:
    """The first line of the docstring."""
    return (component.__doc__ or "").strip().split("\n")[0]
