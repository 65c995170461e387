"""Finds the installed plugins and looks components up by name.

A component has a short name, `adam`, and a full one, `distribution:name`. (The name of an auxiliary loss
or a wrapper is a key of the configuration and cannot hold a colon: `distribution__name`.) If several
plugins provide a short name, it belongs to harness' own distribution if that is among them: installing a
stranger's package must neither replace nor block what a configuration has meant so far. Otherwise it
belongs to nobody, and whoever uses it is told the full names to choose from.
"""

from __future__ import annotations

import difflib
import re
import warnings
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cache
from importlib.metadata import EntryPoint, entry_points
from typing import Any

from harness.errors import ConfigurationError, HarnessError, PluginError, unknown_name
from harness.registry.blocking import EVERYBODY_ELSE, blocked, canonical, is_blocked
from harness.registry.loading import Plugin, in_words, load_plugin, plugin_of
from harness.registry.validation import KEYS, KINDS

__all__ = ["GROUP", "KINDS", "Plugin", "Provided", "Registry", "load_registry", "registry_from"]

GROUP = "harness.plugins"
SLOW = 2.0  # seconds; a plugin whose import takes longer is named in a warning


@dataclass(frozen=True, eq=False)
class Provided:
    """A component of a plugin.

    Attributes:
        kind: Kind of the component, a key of `KINDS`.
        short: Its short name.
        component: Its class.
        plugin: The plugin that provides it.
    """

    kind: str
    short: str
    component: type
    plugin: Plugin

    @property
    def full(self) -> str:
        """Its full name, which no other installed component can have."""
        distribution = self.plugin.distribution
        if self.kind not in KEYS:
            return f"{distribution}:{self.short}"
        return re.sub(r"^(?=\d)", "_", f"{distribution.replace('-', '_')}__{self.short}")

    def __str__(self) -> str:
        plugin = self.plugin
        return (
            f"{in_words(self.kind, self.short)} of the plugin {plugin.name} "
            f"({plugin.distribution} {plugin.version})"
        )


class Registry:
    """The components of the plugins that loaded.

    Args:
        plugins: All plugins, also those that did not load.
        blocked: Names that were blocked, see `blocking.py`.
    """

    def __init__(self, plugins: list[Plugin], blocked: Iterable[str] = ()) -> None:
        self.plugins = plugins
        self.blocked = frozenset(blocked)
        self._read()

    def _read(self) -> None:
        self._claims: dict[tuple[str, str], list[Provided]] = defaultdict(list)
        self._owners: dict[type, Provided] = {}
        # Own plugins first: a class that others hand out as well stays harness' own
        for plugin in sorted(self.plugins, key=lambda plugin: not plugin.own):
            for kind, components in plugin.components.items():
                for name, component in components.items():
                    provided = Provided(kind, name, component, plugin)
                    self._claims[kind, name].append(provided)
                    self._owners.setdefault(component, provided)
        self._options = {kind: self._options_of(kind) for kind in KINDS}

    def _options_of(self, kind: str) -> dict[str, Provided]:
        options: dict[str, Provided] = {}
        for (claimed_kind, short), claims in self._claims.items():
            if claimed_kind != kind:
                continue
            holder = _holder(claims)
            if holder is not None:
                options[short] = holder
            for provided in claims:
                unique = sum(claim.full == provided.full for claim in claims) == 1
                if unique and (len(claims) > 1 or not provided.plugin.own):
                    options[provided.full] = provided
        return options

    def options(self, kind: str) -> dict[str, type]:
        """Every name that can be used, with its class: short ones, and full ones of third parties."""
        return {name: provided.component for name, provided in self._options[kind].items()}

    def names(self, kind: str) -> list[str]:
        """The components of a kind, each by the shortest name that means it alone; sorted."""
        return sorted({self._shortest(provided) for provided in self._options[kind].values()})

    def component(self, kind: str, name: str) -> Any:
        """The class of this name, short or full; see `provided` for errors."""
        return self.provided(kind, name).component

    def provider(self, kind: str, name: str) -> Plugin:
        """The plugin that provides a component; see `provided` for errors."""
        return self.provided(kind, name).plugin

    def provided(self, kind: str, name: str) -> Provided:
        """What a name, short or full, stands for.

        Raises PluginError for a short name that several distributions claim, and for a component that
        was left out; ConfigurationError with the allowed names for one that nobody provides.
        """
        options = self._options[kind]
        if name in options:
            return options[name]
        if canonical(name) in options:  # a distribution's name can be written in several ways
            return options[canonical(name)]
        raise self.refusal(kind, name, options)

    def refusal(self, kind: str, name: str, allowed: Iterable[str]) -> HarnessError:
        """The error for a name that is none of the allowed ones."""
        distribution, _, short = canonical(name).rpartition(":")
        claims = [
            claim
            for claim in self._claims.get((kind, short), [])
            if distribution in ("", claim.plugin.distribution)
        ]
        if len(claims) > 1:
            return _contested(kind, name, claims)
        for plugin in self.plugins:
            reason = plugin.left_out.get((kind, short))
            if reason and distribution in ("", plugin.distribution):
                left_out = Provided(kind, short, object, plugin)
                return PluginError(f"The {left_out} is left out: {reason}.")
        error = unknown_name(kind.replace("_", " "), name, allowed)
        for other, other_options in self._options.items():
            if name in other_options and other not in (kind, "auxiliary_loss"):
                hint = (
                    f"{name!r} is {'an' if other[0] in 'aeiou' else 'a'} {other}: {other}={name}."
                )
                error = ConfigurationError(f"{error} {hint}")
        for state, plugins in (
            ("Not loaded", [plugin.name for plugin in self.plugins if plugin.error]),
            ("Blocked", [plugin.name for plugin in self.plugins if plugin.blocked]),
        ):
            if plugins:
                listed = ", ".join(sorted(plugins))
                error = ConfigurationError(f"{error} {state}: {listed}; see `harness plugins`.")
        return error

    def is_known(self, kind: str, short: str) -> bool:
        """Whether a plugin provides this, even if the short name is contested or it is left out."""
        left_out = any((kind, short) in plugin.left_out for plugin in self.plugins)
        return left_out or (kind, short) in self._claims

    def owner(self, component: type) -> Provided | None:
        """The component that a class is; None for a class that no plugin provides."""
        return self._owners.get(component)

    def name_of(self, component: type) -> str | None:
        """The shortest name that means this class alone; None for one that no plugin provides."""
        owner = self.owner(component)
        return None if owner is None else self._shortest(owner)

    def provided_by(self, plugin: Plugin, kind: str) -> dict[str, type]:
        """The components of a plugin, each by the shortest name that means it alone; sorted."""
        components = {
            self._shortest(claim): claim.component
            for (claimed_kind, _), claims in self._claims.items()
            for claim in claims
            if claimed_kind == kind and claim.plugin is plugin
        }
        return dict(sorted(components.items()))

    def _shortest(self, provided: Provided) -> str:
        holder = self._options[provided.kind].get(provided.short)
        return provided.short if holder is provided else provided.full

    def leave_out(self, provided: Provided, error: BaseException) -> None:
        """Takes out a component that turns out not to meet a requirement, and warns."""
        provided.plugin.leave_out(provided.kind, provided.short, error)
        self._read()
        reason = provided.plugin.left_out[provided.kind, provided.short]
        warnings.warn(f"The {provided} is left out: {reason}", stacklevel=2)

    @property
    def broken(self) -> list[Plugin]:
        """The plugins that did not load, or not all of whose components did."""
        return [plugin for plugin in self.plugins if plugin.problems]


def _holder(claims: list[Provided]) -> Provided | None:
    """The component that a short name means; None where it is contested."""
    holders = [claim for claim in claims if claim.plugin.own] or claims
    return holders[0] if len(holders) == 1 else None


def _contested(kind: str, name: str, claims: list[Provided]) -> PluginError:
    """The error for a name that several plugins claim."""
    described = " and ".join(map(str, claims))
    full = sorted({claim.full for claim in claims})
    if len(full) < len(claims):
        advice = (
            "Plugins of one distribution claim it, which only its author can mend. Leave one of them "
            f"out with --no-plugins={claims[-1].plugin.name}"
        )
    else:
        advice = f"Choose one by its full name: {' or '.join(full)}"
    return PluginError(f"{name!r} may mean two things: {described}. {advice}.")


def load_registry() -> Registry:
    """The registry of all installed plugins that are not blocked; loaded once a process."""
    return _load(blocked())


@cache
def _load(names: frozenset[str]) -> Registry:
    return registry_from(list(entry_points(group=GROUP)), names)


def registry_from(points: list[EntryPoint], blocked: frozenset[str] = frozenset()) -> Registry:
    """The registry of these entry points. Warns once of each that is broken or slow to import.

    Args:
        points: Entry points, one for each plugin.
        blocked: Names of plugins that are not imported, see `blocking.py`.
    """
    plugins = []
    for point in sorted(points, key=lambda point: point.name):
        plugin = plugin_of(point)
        plugin.blocked = is_blocked(plugin.name, blocked)
        if not plugin.blocked:
            load_plugin(point, plugin)
        plugins.append(plugin)
    for plugin in plugins:
        if plugin.problems:
            state = "did not load and is left out" if plugin.error else "is not complete"
            _warn(
                f"The plugin {plugin.name} ({plugin.module}) {state}: {'; '.join(plugin.problems)}"
            )
        if plugin.seconds > SLOW:
            _warn(
                f"The plugin {plugin.name} took {plugin.seconds:.1f} s to import, at every start. "
                f"--no-plugins={plugin.name} does without it."
            )
    _warn_of_unknown(blocked, plugins)
    return Registry(plugins, blocked)


def _warn_of_unknown(blocked: frozenset[str], plugins: list[Plugin]) -> None:
    """Warns of names that block nothing: they may be misspelt."""
    installed = {plugin.name for plugin in plugins} | {plugin.distribution for plugin in plugins}
    for name in sorted(blocked - installed - {EVERYBODY_ELSE}):
        near = difflib.get_close_matches(name, sorted(installed), n=1, cutoff=0.6)
        hint = f" Did you mean {near[0]!r}?" if near else ""
        _warn(f"{name!r} is to be blocked, and no such plugin is installed.{hint}")


def _warn(message: str) -> None:
    warnings.warn(message, stacklevel=4)
