"""Which components a command or a test means."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from types import ModuleType
from typing import Any

from harness.errors import ConfigurationError, PluginError, unknown_name
from harness.registry.registry import KINDS, Registry
from harness.testing.subject import Subject

__all__ = ["everything", "named", "of_plugins"]


def everything(registry: Registry) -> list[Subject]:
    """All components that are installed."""
    return [
        _subject(registry, kind, name) for kind in KINDS for name in sorted(registry.names(kind))
    ]


def named(registry: Registry, words: Sequence[str]) -> list[Subject]:
    """The components that words on a command line mean, each once and in their order.

    A word is the name of a component, kind=name, or a plugin: distribution, distribution:entry point or
    module. Raises ConfigurationError for a word that means none, or more than one component.
    """
    found: dict[str, Subject] = {}
    for word in words:
        found |= {subject.label: subject for subject in _meant(registry, word)}
    return list(found.values())


def of_plugins(
    registry: Registry, plugins: Iterable[ModuleType], examples: Mapping[str, Any]
) -> list[Subject]:
    """What the hooks of modules hand out, whether they are installed or not; all without modules."""
    modules = list(plugins)
    if modules:
        subjects = [
            Subject(kind, name, component, registry, examples.get(name))
            for module in modules
            for kind, hook in KINDS.items()
            if hasattr(module, hook)
            for name, component in sorted(getattr(module, hook)().items())
        ]
    else:
        subjects = [
            Subject(s.kind, s.name, s.component, registry, examples.get(s.name))
            for s in everything(registry)
        ]
    if not subjects:
        names = ", ".join(module.__name__ for module in modules)
        raise PluginError(
            f"There is no component to check in {names or 'any installed plugin'}: hand the module "
            f"that defines one of {', '.join(KINDS.values())} to conformance."
        )
    for name in examples:
        if name not in {subject.name for subject in subjects}:
            raise unknown_name("component", name, {subject.name for subject in subjects})
    return subjects


def _meant(registry: Registry, word: str) -> list[Subject]:
    kind, equals, name = word.partition("=")
    if equals:
        if kind not in KINDS:
            raise unknown_name("kind of component", kind, KINDS)
        return [_subject(registry, kind, name)]
    kinds = [kind for kind in KINDS if word in registry.names(kind)]
    if len(kinds) > 1:
        choices = " or ".join(f"{kind}={word}" for kind in kinds)
        raise ConfigurationError(
            f"{word!r} is the name of {len(kinds)} components. Write {choices}."
        )
    if kinds:
        return [_subject(registry, kinds[0], word)]
    subjects = []
    for plugin in registry.plugins:
        if word in (plugin.name, plugin.module, plugin.distribution):
            if plugin.problems:
                raise PluginError(
                    f"The plugin {plugin.name} did not load as a whole: {'; '.join(plugin.problems)}"
                )
            subjects += [
                Subject(kind, name, component, registry)
                for kind, components in plugin.components.items()
                for name, component in sorted(components.items())
            ]
    if not subjects:
        raise unknown_name("component or plugin", word, _words(registry))
    return subjects


def _words(registry: Registry) -> set[str]:
    components = {name for kind in KINDS for name in registry.names(kind)}
    return components | {plugin.distribution for plugin in registry.plugins}


def _subject(registry: Registry, kind: str, name: str) -> Subject:
    return Subject(kind, name, registry.component(kind, name), registry)
