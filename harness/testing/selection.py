"""Which components a command or a test is about."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from types import ModuleType
from typing import Any

from harness.errors import ConfigurationError, PluginError, unknown_name
from harness.registry.registry import KINDS, Registry
from harness.testing.subject import Subject

__all__ = ["all_subjects", "subjects_named", "subjects_of_plugins"]


def all_subjects(registry: Registry) -> list[Subject]:
    """All components that are installed."""
    return [
        _subject(registry, kind, name) for kind in KINDS for name in sorted(registry.names(kind))
    ]


def subjects_named(registry: Registry, words: Sequence[str]) -> list[Subject]:
    """The components that words of a command line name, in their order and without repetitions.

    Args:
        registry: Everything that is installed.
        words: Names of components, KIND=NAME, or plugins: DISTRIBUTION, DISTRIBUTION:ENTRY or MODULE.

    Raises:
        ConfigurationError: A word names nothing, or components of several kinds.
        PluginError: A word names a plugin that did not load.
    """
    subjects: dict[str, Subject] = {}
    for word in words:
        subjects |= {subject.label: subject for subject in _subjects_of_word(registry, word)}
    return list(subjects.values())


def subjects_of_plugins(
    registry: Registry, plugins: Iterable[ModuleType], examples: Mapping[str, Any]
) -> list[Subject]:
    """The components that modules provide by their hooks, installed or not.

    Args:
        registry: Everything that is installed.
        plugins: Modules that define hooks; without any, all installed components.
        examples: Instances to check, by the name of their component.

    Raises:
        PluginError: There is no component to check.
        ConfigurationError: An example is of a component that the plugins do not have.
    """
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
            for s in all_subjects(registry)
        ]
    if not subjects:
        names = ", ".join(module.__name__ for module in modules)
        raise PluginError(
            f"There is no component to check in {names or 'any installed plugin'}: give conformance "
            f"the module that defines one of {', '.join(KINDS.values())}."
        )
    for name in examples:
        if name not in {subject.name for subject in subjects}:
            raise unknown_name("component", name, {subject.name for subject in subjects})
    return subjects


def _subjects_of_word(registry: Registry, word: str) -> list[Subject]:
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
                    f"The plugin {plugin.name} did not load completely: {'; '.join(plugin.problems)}"
                )
            subjects += [
                Subject(kind, name, component, registry)
                for kind, components in plugin.components.items()
                for name, component in sorted(components.items())
            ]
    if not subjects:
        raise unknown_name("component or plugin", word, _allowed_words(registry))
    return subjects


def _allowed_words(registry: Registry) -> set[str]:
    components = {name for kind in KINDS for name in registry.names(kind)}
    return components | {plugin.distribution for plugin in registry.plugins}


def _subject(registry: Registry, kind: str, name: str) -> Subject:
    return Subject(kind, name, registry.component(kind, name), registry)
