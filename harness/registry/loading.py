"""Loads one plugin, in a guard of its own: what goes wrong in it is noted and hurts nobody else.

If the module of a plugin cannot be imported, the whole plugin is left out. If it can, a hook or a
component that does not meet a requirement is left out alone.
"""

from __future__ import annotations

import inspect
import re
import signal
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cache
from importlib import import_module
from importlib.metadata import Distribution, EntryPoint
from importlib.util import find_spec
from pathlib import Path
from time import perf_counter
from types import FrameType, ModuleType, SimpleNamespace
from typing import Any

import pluggy

from harness import hookspecs
from harness.contracts import CONTRACT_VERSION, OLDEST_CONTRACT
from harness.errors import PluginError, unknown_name
from harness.registry.blocking import canonical, is_own
from harness.registry.dependencies import remedy
from harness.registry.validation import KINDS, check_component

__all__ = ["Plugin", "in_words", "load_plugin", "on_one_line", "plugin_of"]

STATEMENT = "harness_contract"  # the version of the contract that a module states


@dataclass
class Plugin:
    """One entry point: what it provides, and why not all of it could be loaded.

    Attributes:
        name: Name, as distribution:entry point.
        distribution: Name of the distribution that it belongs to.
        version: Version of the distribution.
        module: Module that the entry point names.
        components: Class of each component that is there, by kind and name.
        contract: Version of the contract that it states; None where it states none.
        seconds: Time that its import took.
        error: Why nothing of it is there; None where it was imported.
        left_out: The requirement that a component does not meet, by kind and name; the kind of a hook
            is "hook".
        blocked: Whether it is blocked, and so not imported.
    """

    name: str
    distribution: str
    version: str
    module: str
    components: dict[str, dict[str, type]] = field(default_factory=dict)
    contract: int | None = None
    seconds: float = 0.0
    error: str | None = None
    left_out: dict[tuple[str, str], str] = field(default_factory=dict)
    blocked: bool = False

    @property
    def own(self) -> bool:
        """Whether it belongs to harness itself."""
        return is_own(self.distribution)

    @property
    def problems(self) -> list[str]:
        """What is wrong with it, a sentence each."""
        if self.error:
            return [self.error]
        return [f"the {in_words(*key)}: {reason}" for key, reason in self.left_out.items()]

    def leave_out(self, kind: str, name: object, error: BaseException) -> None:
        """Takes a component out, or a hook, whose `kind` is "hook"."""
        self.left_out[kind, name if isinstance(name, str) else repr(name)] = on_one_line(error)
        if isinstance(name, str):
            self.components.get(kind, {}).pop(name, None)


def in_words(kind: str, name: str) -> str:
    """A component in words.

    >>> in_words("auxiliary_loss", "z_loss")
    "auxiliary loss 'z_loss'"
    """
    return f"{kind.replace('_', ' ')} {name!r}"


def plugin_of(point: EntryPoint) -> Plugin:
    """What is known of a plugin before it is imported."""
    distribution, version = _identified(point.dist) if point.dist else ("unknown", "unknown")
    return Plugin(f"{distribution}:{point.name}", distribution, version, point.value)


@cache  # a distribution reads its metadata, README included, whenever it is asked
def _identified(distribution: Distribution) -> tuple[str, str]:
    """The name and the version of a distribution."""
    try:
        metadata = distribution.metadata
        return canonical(metadata["Name"]), str(metadata["Version"])
    except Exception:  # an installation can be incomplete in many ways
        return "unknown", "unknown"


def load_plugin(point: EntryPoint, plugin: Plugin) -> None:
    """Imports a plugin and asks it for its components. Raises KeyboardInterrupt alone, for Ctrl-C."""
    start = perf_counter()
    try:
        with _guard():
            module = _imported(point)
    except _Broken as broken:
        plugin.seconds = perf_counter() - start
        plugin.error = _other_contract(point, plugin) or _import_error(broken.cause, point, plugin)
        return
    plugin.seconds = perf_counter() - start
    try:
        plugin.contract = _stated_contract(module)
        _check_contract(plugin, plugin.contract, _unknown_hooks(module))
    except PluginError as error:
        plugin.error = str(error)
        return
    manager = pluggy.PluginManager("harness")
    manager.add_hookspecs(hookspecs)
    for name in _unknown_hooks(module):
        unknown = unknown_name("hook", name, KINDS.values())
        plugin.leave_out("hook", name, PluginError(f"{unknown} This harness has {_supported()}."))
    for kind, hook in KINDS.items():
        if hasattr(module, hook):
            try:
                with _guard():
                    _collect(plugin, kind, hook, getattr(module, hook), manager)
            except _Broken as broken:
                plugin.leave_out("hook", hook, broken.cause)


# --- import ---------------------------------------------------------------------------------------


def _imported(point: EntryPoint) -> ModuleType:
    if point.pattern.match(point.value) is None:
        raise PluginError(
            f"its entry point must have the form module or module:name. Got {point.value!r}"
        )
    named: Any = import_module(point.module)
    for name in point.attr.split(".") if point.attr else ():
        if not hasattr(named, name):
            raise PluginError(
                f"its entry point names {point.value!r}, and the module {point.module} has no "
                f"{point.attr!r}. Reinstall it, or ask its author to mend the entry point"
            )
        named = getattr(named, name)
    if not isinstance(named, ModuleType):
        raise PluginError(f"its entry point must name a module. {point.value!r} is {named!r}")
    return named


def _import_error(error: BaseException, point: EntryPoint, plugin: Plugin) -> str:
    if isinstance(error, PluginError):
        return str(error)
    if isinstance(error, ModuleNotFoundError) and error.name:
        if f"{point.module}.".startswith(f"{error.name}."):
            return (
                f"its entry point names the module {point.module!r}, and there is no "
                f"{error.name!r}. Reinstall it: pip install --force-reinstall {plugin.distribution}"
            )
        needs = (
            f"{on_one_line(error)}: it needs the library {error.name!r}, which is not installed. "
        )
        return needs + remedy(error.name, point, plugin.distribution)
    return on_one_line(error)


# --- the contract ---------------------------------------------------------------------------------


def _stated_contract(module: ModuleType) -> int | None:
    """The version of the contract that a plugin says it was written for; None where it says nothing."""
    version = getattr(module, STATEMENT, None)
    if version is not None and type(version) is not int:
        raise PluginError(f"{STATEMENT} must be a whole number. Got {version!r}")
    return version


def _check_contract(plugin: Plugin, version: int | None, hooks: list[str]) -> None:
    """Raises PluginError if plugins of this version are not supported.

    Args:
        plugin: The plugin, for the message.
        version: Version of the contract that it states; None counts as 1.
        hooks: Names of its hooks that are unknown here.
    """
    version = 1 if version is None else version
    if OLDEST_CONTRACT <= version <= CONTRACT_VERSION:
        return
    unknown = f" Hooks of that version: {', '.join(hooks)}." if hooks else ""
    name = plugin.distribution
    remedies = (
        f"a newer release of {name} (pip install --upgrade {name})",
        f"a newer harness (pip install --upgrade optimizer-harness), or an older release of {name}",
    )
    raise PluginError(
        f"it was written for version {version} of the plugin contract, and this harness has "
        f"{_supported()}.{unknown} Install {remedies[version > CONTRACT_VERSION]}"
    )


def _supported() -> str:
    if OLDEST_CONTRACT == CONTRACT_VERSION:
        return f"version {CONTRACT_VERSION}"
    return f"version {CONTRACT_VERSION}, with support back to {OLDEST_CONTRACT}"


def _other_contract(point: EntryPoint, plugin: Plugin) -> str | None:
    """The error of a module that cannot be imported and whose source states another version.

    A plugin for a newer contract mostly fails when it imports what the older one lacks.
    """
    try:
        spec = find_spec(point.module)
        source = Path(spec.origin).read_text(encoding="utf-8") if spec and spec.origin else ""
        stated = re.search(rf"^{STATEMENT}\s*(?::\s*int\s*)?=\s*(\d+)\s*$", source, re.MULTILINE)
        if stated:
            _check_contract(plugin, int(stated[1]), [])
    except PluginError as error:
        return str(error)
    except Exception:  # the error of the import says why
        return None
    return None


# --- hooks ----------------------------------------------------------------------------------------


def _unknown_hooks(module: ModuleType) -> list[str]:
    """Functions that are named like hooks and are none: nobody would ever call them."""
    return [
        name
        for name, member in vars(module).items()
        if name.startswith("harness_") and inspect.isfunction(member) and name not in KINDS.values()
    ]


def _collect(
    plugin: Plugin, kind: str, hook: str, function: Any, manager: pluggy.PluginManager
) -> None:
    """Adds what a hook returns to the components of the plugin."""
    if not hasattr(function, "harness_impl"):
        raise PluginError("it lacks the decorator @harness.hookimpl")
    manager.register(SimpleNamespace(**{hook: function}), name=f"{plugin.name} {hook}")
    results = getattr(manager.hook, hook)()
    for components in results or [None]:  # pluggy leaves out a None
        if not isinstance(components, Mapping):
            raise PluginError(f"it must return a mapping from name to class. Got {components!r}")
        for name, component in components.items():
            try:
                check_component(kind, name, component)
            except Exception as error:  # a class may do anything when it is looked at
                plugin.leave_out(kind, name, error)
            else:
                plugin.components.setdefault(kind, {})[name] = component


# --- the guard ------------------------------------------------------------------------------------


class _Broken(Exception):
    """What a plugin raised."""

    def __init__(self, cause: BaseException) -> None:
        self.cause = cause


@contextmanager
def _guard() -> Iterator[None]:
    """Turns every error into `_Broken`, KeyboardInterrupt and SystemExit too, but not Ctrl-C."""
    pressed = False

    def interrupt(number: int, frame: FrameType | None) -> None:
        nonlocal pressed
        pressed = True
        raise KeyboardInterrupt

    # Only where Python itself would raise; elsewhere somebody else handles the signal
    listens = (
        threading.current_thread() is threading.main_thread()
        and signal.getsignal(signal.SIGINT) is signal.default_int_handler
    )
    if listens:
        signal.signal(signal.SIGINT, interrupt)
    try:
        yield
    except BaseException as error:
        if pressed:
            raise
        raise _Broken(error) from error
    finally:
        if listens and signal.getsignal(signal.SIGINT) is interrupt:
            signal.signal(signal.SIGINT, signal.default_int_handler)


def on_one_line(error: BaseException) -> str:
    """An error on one line; with its type, unless its message is meant for a person."""
    try:
        text = " ".join(str(error).split())[:400]
    except Exception:  # its __str__ is broken, too
        text = ""
    if isinstance(error, PluginError):
        return text
    return f"{type(error).__name__}: {text}" if text else type(error).__name__
