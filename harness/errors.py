"""Every error that `harness` raises on purpose.

    HarnessError                 a person can read it; the command line prints it without a traceback
    ├── ConfigurationError       a name, key or value in the configuration is not allowed
    ├── DataError                a dataset cannot be read, or does not fit the task
    ├── MissingDependencyError   an optional library is not installed
    ├── PluginError              a plugin is broken, or two plugins collide
    │   └── BrokenPromise        a component does something other than its contract says
    └── TrackingError            the MLflow store cannot be reached or written

Each message says what was wrong, what was given, what is allowed and what to do next.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable

__all__ = [
    "BrokenPromise",
    "ConfigurationError",
    "DataError",
    "HarnessError",
    "MissingDependencyError",
    "PluginError",
    "TrackingError",
    "unknown_name",
]


class HarnessError(Exception):
    """Base of all errors that are meant for a person; the command line exits with status 2."""


class ConfigurationError(HarnessError, ValueError):
    """A name, key or value in the configuration is not allowed."""


class DataError(HarnessError):
    """A dataset cannot be read, or does not fit the task."""


class MissingDependencyError(HarnessError, ImportError):
    """A component needs an optional library that is not installed."""


class PluginError(HarnessError):
    """A plugin could not be loaded, or two plugins provide a component of the same name."""


class BrokenPromise(PluginError):
    """A component does something other than its contract says.

    Args:
        component: The component.
        requirement: What it should have done, in words that follow its name.
    """

    def __init__(self, component: object, requirement: str) -> None:
        super().__init__(f"{type(component).__name__}: {requirement}")
        self.component = component
        self.requirement = requirement


class TrackingError(HarnessError):
    """The MLflow store cannot be reached or written."""


def unknown_name(what: str, name: str, allowed: Iterable[str]) -> ConfigurationError:
    """The error for a name that is not among the allowed ones, with the nearest one suggested.

    Args:
        what: What the name should name, as in "optimizer".
        name: The unknown name.
        allowed: The names that are allowed.

    >>> print(unknown_name("optimizer", "adm", ["adam", "sgd"]))
    Unknown optimizer 'adm'. Did you mean 'adam'? Allowed: adam, sgd.
    """
    names = sorted(allowed)
    by_lower = {allowed_name.lower(): allowed_name for allowed_name in names}
    near = difflib.get_close_matches(name.lower(), by_lower, n=1, cutoff=0.6)
    hint = f" Did you mean {by_lower[near[0]]!r}?" if near else ""
    listing = ", ".join(names) if names else "(none)"
    return ConfigurationError(f"Unknown {what} {name!r}.{hint} Allowed: {listing}.")
