"""Which plugins are left out before they are imported.

The environment variable HARNESS_BLOCKED_PLUGINS holds their names, separated by commas. So they reach
this process and all that it starts: workers, writers, jobs of a launcher. The flag adds to them:
`--no-plugins` all plugins that are not harness' own, `--no-plugins=NAME,…` those with these names. A
name is that of a distribution (`harness-lion`), of one plugin in it (`harness-lion:rules`), or `*` for
all that are not harness' own.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager

__all__ = [
    "BLOCKED",
    "DISTRIBUTION",
    "EVERYBODY_ELSE",
    "blocked",
    "blocking",
    "canonical",
    "flag_for",
    "is_blocked",
    "is_own",
    "without_flag",
]

BLOCKED = "HARNESS_BLOCKED_PLUGINS"
EVERYBODY_ELSE = "*"
NO_PLUGINS = "--no-plugins"  # the flag, alone or with names
DISTRIBUTION = "optimizer-harness"  # of harness itself: another project is called `harness` on PyPI


def canonical(name: str) -> str:
    """A name of a distribution, or of a plugin or component in it, as the packaging standard writes it.

    >>> canonical("Harness_Lion:rules")
    'harness-lion:rules'
    """
    distribution, colon, rest = name.strip().partition(":")
    return re.sub(r"[-_.]+", "-", distribution).lower() + colon + rest


def blocked() -> frozenset[str]:
    """The names of the plugins that are blocked in this process."""
    return _names(os.environ.get(BLOCKED, ""))


def _names(text: str) -> frozenset[str]:
    """The names in a list that is separated by commas."""
    return frozenset(canonical(name) for name in text.split(",") if name)


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


def without_flag(words: Sequence[str]) -> tuple[list[str], frozenset[str]]:
    """The words of a command line without the flag, wherever it stands, and the names that it blocks.

    >>> without_flag(["--no-plugins", "train", "seed=1"])
    (['train', 'seed=1'], frozenset({'*'}))
    """
    names: set[str] = set()
    rest = []
    for word in words:
        flag, equals, listed = word.partition("=")
        if flag != NO_PLUGINS:
            rest.append(word)
        else:
            names |= _names(listed) if equals else {EVERYBODY_ELSE}
    return rest, frozenset(names)


def flag_for(names: frozenset[str]) -> list[str]:
    """The flag that blocks these names, as a word of a command line; no word for no names.

    >>> flag_for(frozenset({"harness-lion", "harness-curve"})), flag_for(frozenset())
    (['--no-plugins=harness-curve,harness-lion'], [])
    """
    if EVERYBODY_ELSE in names:
        return [NO_PLUGINS]
    return [f"{NO_PLUGINS}={','.join(sorted(names))}"] if names else []


def is_own(distribution: str) -> bool:
    """Whether a distribution is harness itself."""
    return distribution == DISTRIBUTION


def is_blocked(plugin: str, names: frozenset[str]) -> bool:
    """Whether the names block a plugin, `distribution:entry point`."""
    distribution = plugin.partition(":")[0]
    if EVERYBODY_ELSE in names and not is_own(distribution):
        return True
    return distribution in names or plugin in names
