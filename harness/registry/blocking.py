"""Which plugins are left out before they are imported.

What is blocked stands in the environment variable HARNESS_BLOCKED_PLUGINS, names separated by commas, so
that it holds for this process and for all that it starts: workers, writers, jobs of a launcher. The flag
`--no-plugins` and the key `plugins.blocked` of the configuration add to it. A name is that of a
distribution (`harness-lion`), of one plugin in it (`harness-lion:rules`), or `*` for all that are not
harness' own.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Iterator
from contextlib import contextmanager

__all__ = ["BLOCKED", "EVERYBODY_ELSE", "blocked", "blocking", "canonical", "is_blocked", "is_own"]

BLOCKED = "HARNESS_BLOCKED_PLUGINS"
EVERYBODY_ELSE = "*"


def canonical(name: str) -> str:
    """A name of a distribution, or of a plugin or component in it, as the packaging standard writes it.

    >>> canonical("Harness_Lion:rules")
    'harness-lion:rules'
    """
    distribution, colon, rest = name.strip().partition(":")
    return re.sub(r"[-_.]+", "-", distribution).lower() + colon + rest


def blocked() -> frozenset[str]:
    """The names of what is blocked in this process."""
    return frozenset(canonical(name) for name in os.environ.get(BLOCKED, "").split(",") if name)


@contextmanager
def blocking(names: Iterable[str]) -> Iterator[None]:
    """Blocks these as well, here and in processes that are started meanwhile."""
    before = os.environ.get(BLOCKED)
    os.environ[BLOCKED] = ",".join(sorted(blocked() | {canonical(name) for name in names}))
    try:
        yield
    finally:
        if before is None:
            del os.environ[BLOCKED]
        else:
            os.environ[BLOCKED] = before


def is_own(distribution: str) -> bool:
    """Whether a distribution is harness itself."""
    return distribution == "harness"


def is_blocked(plugin: str, names: frozenset[str]) -> bool:
    """Whether the names block a plugin, `distribution:entry point`."""
    distribution = plugin.partition(":")[0]
    if EVERYBODY_ELSE in names and not is_own(distribution):
        return True
    return distribution in names or plugin in names
