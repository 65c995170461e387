"""The names of a new package and of its parts, made from the name of its component."""

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

__all__ = ["RESERVED_CLASS_NAMES", "PackageNames", "package_names"]

COMPONENT_NAME = re.compile(r"[a-z][a-z0-9]*(_[a-z0-9]+)*")
MAX_LENGTH = 32  # keeps the lines of the templates short enough
RESERVED_CLASS_NAMES = {
    *vars(builtins),
    *harness.__all__,
    *(
        "Any",
        "Callable",
        "ClassVar",
        "Mapping",
        "Sequence",
    ),  # the templates use these and the next ones
    *("AsWritten", "BackPropagation", "Elementwise"),
}


@dataclass(frozen=True)
class PackageNames:
    """What the package of a component and its parts are called.

    Attributes:
        kind: Kind of component, a key of `registry.KINDS`.
        component: Name on the command line, `my_rule`.
    """

    kind: str
    component: str

    @property
    def cls(self) -> str:
        """Name of the class, `MyRule`."""
        return "".join(word.capitalize() for word in self.component.split("_"))

    @property
    def distribution(self) -> str:
        """Name for pip, `harness-my-rule`."""
        return "harness-" + self.component.replace("_", "-")

    @property
    def module(self) -> str:
        """Name for Python's import, `harness_my_rule`."""
        return f"harness_{self.component}"


def package_names(kind: str, name: str, registry: Registry) -> PackageNames:
    """The names of a package for a component; hyphens and underscores mean the same.

    Args:
        kind: Kind of component, as in `auxiliary-loss`.
        name: Name of the component, as in `my-rule`.
        registry: Everything that is installed.

    Raises:
        ConfigurationError: There is no such kind, the name is not allowed, or an installed component or
            module has it.
    """
    kinds = {key.replace("_", "-"): key for key in KINDS}
    if kind.replace("_", "-") not in kinds:
        raise unknown_name("kind of component", kind, kinds)
    names = PackageNames(kinds[kind.replace("_", "-")], name.replace("-", "_"))
    if not COMPONENT_NAME.fullmatch(names.component) or len(names.component) > MAX_LENGTH:
        raise ConfigurationError(
            f"The name of a component consists of lower-case letters and digits, in words with hyphens "
            f"between them, as in my-rule; it starts with a letter and has {MAX_LENGTH} characters or "
            f"less. Got {name!r}."
        )
    if names.component.startswith("harness_"):
        raise ConfigurationError(
            f"The package of a component is called harness-NAME automatically. Give {name[8:]!r} as the "
            f"name; got {name!r}."
        )
    if keyword.iskeyword(names.component) or names.component in {*VALUES, "auto"}:
        raise ConfigurationError(
            f"{name!r} has another meaning in Python or on the command line and cannot be the name of a "
            f"component. Choose another name, as in my-{name}."
        )
    if names.cls in RESERVED_CLASS_NAMES:
        raise ConfigurationError(
            f"The class of {name!r} would be called {names.cls}, and this name already has a meaning. "
            f"Choose another name, as in my-{name}."
        )
    try:
        check_name(names.kind, names.component)
    except PluginError as error:
        raise ConfigurationError(
            f"No {kind} can be called {name!r}: {error}. Choose another name, as in my-{name}."
        ) from error
    _check_not_installed(names, registry)
    return names


def _check_not_installed(names: PackageNames, registry: Registry) -> None:
    for kind in KINDS:
        if names.component in registry.names(kind):
            plugin = registry.provider(kind, names.component)
            raise ConfigurationError(
                f"{names.component!r} is the name of an installed {kind.replace('_', ' ')}, from the "
                f"distribution {plugin.distribution} {plugin.version}. Choose another name"
                + (
                    "."
                    if plugin.own
                    else f", or uninstall that one: pip uninstall {plugin.distribution}"
                )
            )
    if find_spec(names.module) is not None:
        raise ConfigurationError(
            f"The package would be imported as {names.module}, and a module of this name is installed. "
            "Choose another name."
        )
