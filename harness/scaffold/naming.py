"""What a new package and its parts are called, after the name of its component."""

from __future__ import annotations

import builtins
import keyword
import re
from dataclasses import dataclass
from importlib.util import find_spec

import harness
from harness.errors import ConfigurationError, PluginError, unknown_name
from harness.registry.registry import KINDS, Registry
from harness.registry.validation import VALUES, check_name

__all__ = ["TAKEN", "Names", "names"]

WORDS = re.compile(r"[a-z][a-z0-9]*(_[a-z0-9]+)*")
LONGEST = 32  # so that no line of the templates is too long
TAKEN = {  # what a class must not be called
    *vars(builtins),
    *harness.__all__,
    *("Any", "Callable", "ClassVar", "Mapping", "Sequence"),  # in the templates, as the next ones
    *("AsWritten", "BackPropagation", "Elementwise"),
}


@dataclass(frozen=True)
class Names:
    """kind: as in `registry.KINDS`. component: as a command line says it, `my_rule`."""

    kind: str
    component: str

    @property
    def cls(self) -> str:
        """The class, `MyRule`."""
        return "".join(word.capitalize() for word in self.component.split("_"))

    @property
    def distribution(self) -> str:
        """What pip installs, `harness-my-rule`."""
        return "harness-" + self.component.replace("_", "-")

    @property
    def module(self) -> str:
        """What Python imports, `harness_my_rule`."""
        return f"harness_{self.component}"


def names(kind: str, name: str, registry: Registry) -> Names:
    """The names of a package for a component of this kind; hyphens and underscores are alike.

    Raises ConfigurationError for a kind that there is not, a name that cannot be one, and a name that is
    taken by a component or a module that is installed.
    """
    kinds = {known.replace("_", "-"): known for known in KINDS}
    if kind.replace("_", "-") not in kinds:
        raise unknown_name("kind of component", kind, kinds)
    found = Names(kinds[kind.replace("_", "-")], name.replace("-", "_"))
    if not WORDS.fullmatch(found.component) or len(found.component) > LONGEST:
        raise ConfigurationError(
            f"A component is named with lower-case letters and digits, in words with hyphens between "
            f"them, as in my-rule; it starts with a letter and has {LONGEST} characters or less. "
            f"Got {name!r}."
        )
    if found.component.startswith("harness_"):
        raise ConfigurationError(
            f"The package of a component is called harness-NAME by itself. Give {name[8:]!r} as the "
            f"name; got {name!r}."
        )
    if keyword.iskeyword(found.component) or found.component in {*VALUES, "auto"}:
        raise ConfigurationError(
            f"{name!r} means something else to Python or on the command line, so that no component can "
            f"be called that. Choose another name, as in my-{name}."
        )
    if found.cls in TAKEN:
        raise ConfigurationError(
            f"The class of {name!r} would be called {found.cls}, and that name has a meaning already. "
            f"Choose another name, as in my-{name}."
        )
    try:
        check_name(found.kind, found.component)
    except PluginError as error:
        raise ConfigurationError(
            f"No {kind} can be called {name!r}: {error}. Choose another name, as in my-{name}."
        ) from error
    _check_free(found, registry)
    return found


def _check_free(found: Names, registry: Registry) -> None:
    for kind in KINDS:
        if found.component in registry.names(kind):
            plugin = registry.provider(kind, found.component)
            raise ConfigurationError(
                f"{found.component!r} is the name of an installed {kind.replace('_', ' ')}, of the "
                f"distribution {plugin.distribution} {plugin.version}. Choose another name"
                + (
                    "."
                    if plugin.own
                    else f", or uninstall that: pip uninstall {plugin.distribution}"
                )
            )
    if find_spec(found.module) is not None:
        raise ConfigurationError(
            f"The package would be imported as {found.module}, and a module of this name is installed. "
            "Choose another name."
        )
