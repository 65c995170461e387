"""Finds the installed plugins and looks components up by name.

Each entry point of the group `harness.plugins` is loaded in a guard of its own: a broken plugin is
reported by name and hurts nobody else. Two components of one kind and name are refused, naming both
distributions, because a configuration could mean either.
"""

from __future__ import annotations

import dataclasses
import inspect
import warnings
from dataclasses import dataclass, field
from functools import cache
from importlib.metadata import EntryPoint, entry_points
from types import ModuleType
from typing import Any

import pluggy

from harness import hookspecs
from harness.errors import PluginError, unknown_name

__all__ = ["GROUP", "KINDS", "Plugin", "Registry", "load_registry"]

GROUP = "harness.plugins"

KINDS = {  # kind of component -> the hook that hands it out
    "backend": "harness_backends",
    "dataset": "harness_datasets",
    "optimizer": "harness_optimizers",
    "schedule": "harness_schedules",
    "initializer": "harness_initializers",
    "loss": "harness_losses",
    "auxiliary_loss": "harness_auxiliary_losses",
}


@dataclass
class Plugin:
    """One entry point: what it provides, or why it could not be loaded."""

    name: str  # distribution:entry point
    distribution: str
    version: str
    module: str
    components: dict[str, dict[str, type]] = field(default_factory=dict)  # kind -> name -> class
    error: str | None = None


class Registry:
    """The components of the plugins that loaded."""

    def __init__(self, plugins: list[Plugin]) -> None:
        self.plugins = plugins
        self._providers: dict[tuple[str, str], Plugin] = {}
        for plugin in plugins:
            for kind, components in plugin.components.items():
                for name in components:
                    self._claim(kind, name, plugin)

    def _claim(self, kind: str, name: str, plugin: Plugin) -> None:
        other = self._providers.setdefault((kind, name), plugin)
        if other is not plugin:
            raise PluginError(
                f"Two plugins provide the {kind} {name!r}: {other.name} (distribution "
                f"{other.distribution} {other.version}) and {plugin.name} (distribution "
                f"{plugin.distribution} {plugin.version}). Uninstall one of them: "
                f"pip uninstall {plugin.distribution}"
            )

    def names(self, kind: str) -> list[str]:
        """The names of all components of a kind, sorted."""
        return sorted(name for of, name in self._providers if of == kind)

    def component(self, kind: str, name: str) -> Any:
        """The class registered under a name; ConfigurationError with the allowed names if none is."""
        return self.provider(kind, name).components[kind][name]

    def provider(self, kind: str, name: str) -> Plugin:
        """The plugin that provides a component."""
        try:
            return self._providers[kind, name]
        except KeyError:
            raise unknown_name(kind.replace("_", " "), name, self.names(kind)) from None

    @property
    def broken(self) -> list[Plugin]:
        """The plugins that did not load."""
        return [plugin for plugin in self.plugins if plugin.error]


@cache
def load_registry() -> Registry:
    """The registry of everything installed, loaded once a process."""
    return registry_from(sorted(entry_points(group=GROUP), key=lambda point: point.name))


def registry_from(points: list[EntryPoint]) -> Registry:
    """The registry of the given entry points. Warns of each that does not load."""
    plugins = [_load(point) for point in points]
    for plugin in plugins:
        if plugin.error:
            warnings.warn(
                f"The plugin {plugin.name} ({plugin.module}) did not load and is left out: "
                f"{plugin.error}",
                stacklevel=2,
            )
    return Registry(plugins)


def _load(point: EntryPoint) -> Plugin:
    distribution = point.dist.name if point.dist else "unknown"
    version = point.dist.version if point.dist else "unknown"
    plugin = Plugin(f"{distribution}:{point.name}", distribution, version, point.value)
    try:
        plugin.components = _components(point.load(), plugin.name)
    except (Exception, SystemExit) as error:  # whatever a module does on import, only it suffers
        plugin.error = f"{type(error).__name__}: {error}"
    return plugin


def _components(module: ModuleType, name: str) -> dict[str, dict[str, type]]:
    manager = pluggy.PluginManager("harness")
    manager.add_hookspecs(hookspecs)
    manager.register(module, name=name)
    _check_hook_names(module)
    manager.check_pending()
    components: dict[str, dict[str, type]] = {}
    for kind, hook in KINDS.items():
        for provided in getattr(manager.hook, hook)():
            for component, cls in dict(provided).items():
                _check_component(kind, component, cls)
                components.setdefault(kind, {})[component] = cls
    return components


def _check_hook_names(module: ModuleType) -> None:
    """A hook without the marker, or with a misspelt name, would otherwise just never be called."""
    for name, member in vars(module).items():
        if not name.startswith("harness_") or not inspect.isfunction(member):
            continue
        if name not in KINDS.values():
            raise unknown_name("hook", name, KINDS.values())
        if not hasattr(member, "harness_impl"):
            raise PluginError(f"the hook {name} lacks the decorator @harness.hookimpl")


def _check_component(kind: str, name: str, cls: object) -> None:
    if not (isinstance(cls, type) and dataclasses.is_dataclass(cls)):
        raise PluginError(f"the {kind} {name!r} must be a frozen dataclass. Got {cls!r}")
    if not cls.__dataclass_params__.frozen:  # type: ignore[attr-defined]
        raise PluginError(f"the {kind} {name!r} must be frozen: @dataclass(frozen=True)")
    if kind == "auxiliary_loss" and dataclasses.fields(cls):
        raise PluginError(
            f"the auxiliary loss {name!r} must have no fields: its factor λ is its configuration"
        )
