"""What to install where a plugin finds a library missing."""

from __future__ import annotations

from collections.abc import Iterator
from importlib.metadata import EntryPoint

from harness.registry.blocking import canonical

__all__ = ["remedy"]


def remedy(module: str, point: EntryPoint, distribution: str) -> str:
    """A command, where the plugin's own metadata say which one.

    Without that it names no package: what a module is called says little about who provides it, and
    the package of that name may be a stranger's.
    """
    for requirement, extra in _required(point):
        if requirement.replace("-", "_") == module.partition(".")[0].lower():
            what = f"'{distribution}[{extra}]'" if extra else requirement
            return f"Install it: pip install {what}"
    return f"The documentation of {distribution} should say which package provides it"


def _required(point: EntryPoint) -> Iterator[tuple[str, str]]:
    """The distributions that a plugin's own requires, each with the extra that brings it, or ""."""
    from packaging.requirements import InvalidRequirement, Requirement

    extras = point.dist.metadata.get_all("Provides-Extra") or [] if point.dist else []
    for text in (point.dist.requires if point.dist else None) or []:
        try:
            requirement = Requirement(text)
        except InvalidRequirement:
            continue
        bringing = [one for one in ("", *extras) if _holds(requirement.marker, one)]
        if bringing:
            yield canonical(requirement.name), bringing[0]


def _holds(marker: object, extra: str) -> bool:
    from packaging.markers import Marker

    return not isinstance(marker, Marker) or marker.evaluate({"extra": extra})
