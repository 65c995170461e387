"""What to install if a plugin lacks a library."""

from __future__ import annotations

from collections.abc import Iterator
from importlib.metadata import EntryPoint

from harness.registry.blocking import canonical

__all__ = ["remedy"]


def remedy(module: str, point: EntryPoint, distribution: str) -> str:
    """What to do about a missing module: a command, where the plugin's own metadata say which one.

    Otherwise it names no package: the name of a module says little about who provides it, and the
    package of that name may be a stranger's.
    """
    for requirement, extra in _required(point):
        if requirement.replace("-", "_") == module.partition(".")[0].lower():
            package = f"'{distribution}[{extra}]'" if extra else requirement
            return f"Install it: pip install {package}"
    return f"The documentation of {distribution} should say which package provides it"


def _required(point: EntryPoint) -> Iterator[tuple[str, str]]:
    """What the plugin's distribution requires, each with the extra that brings it, or ""."""
    from packaging.requirements import InvalidRequirement, Requirement

    extras = point.dist.metadata.get_all("Provides-Extra") or [] if point.dist else []
    for text in (point.dist.requires if point.dist else None) or []:
        try:
            requirement = Requirement(text)
        except InvalidRequirement:
            continue
        bringing = [extra for extra in ("", *extras) if _holds(requirement.marker, extra)]
        if bringing:
            yield canonical(requirement.name), bringing[0]


def _holds(marker: object, extra: str) -> bool:
    from packaging.markers import Marker

    return not isinstance(marker, Marker) or marker.evaluate({"extra": extra})
