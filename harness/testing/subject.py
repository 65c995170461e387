"""A component under test, and the settings of it that rules are tried with."""

from __future__ import annotations

import copy
import dataclasses
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np

from harness.errors import HarnessError
from harness.fields import float_fields
from harness.registry.registry import Registry
from harness.search_space import Range
from harness.testing.verdicts import Outcome, Skip

__all__ = ["Subject", "with_rows"]


@dataclass(frozen=True, eq=False)
class Subject:
    """A registered component. given: an instance to check it with, for one without defaults.

    registry: everything installed, for what has to agree with it. outcomes: of the rules so far.
    """

    kind: str
    name: str
    component: type
    registry: Registry
    given: Any = None
    outcomes: dict[str, Outcome] = field(default_factory=dict)

    @property
    def label(self) -> str:
        """As a command line says it."""
        return f"{self.kind}={self.name}"

    @cached_property
    def example(self) -> Any:
        """The instance to check: the one given, or the one with all defaults, and without downloads."""
        if self.given is not None:
            return self.given
        if self.required:
            raise Skip(
                f"{', '.join(self.required)} must be given: check it in a test, with "
                f"conformance(…, examples={{{self.name!r}: …}})"
            )
        names = {f.name for f in dataclasses.fields(self.component)}
        return self.component(download=False) if "download" in names else self.component()

    @property
    def required(self) -> list[str]:
        """The fields without a default."""
        missing = dataclasses.MISSING
        return [
            f.name
            for f in dataclasses.fields(self.component)
            if f.default is missing and f.default_factory is missing
        ]

    def variants(self) -> Iterator[Any]:
        """The example, and it with another value for one number or switch at a time."""
        yield self.example
        for name in float_fields(self.component):
            yield from (self._with(name, value) for value in self.values(name)[:2])
        for name in (f.name for f in dataclasses.fields(self.component)):
            value = getattr(self.example, name)
            if isinstance(value, bool):
                yield from filter(None, [self._with(name, not value)])

    def values(self, name: str) -> list[float]:
        """Other valid values of a float field: near the default, or from the search space."""
        default = float(getattr(self.example, name))
        space = getattr(self.component, "search_space", {}).get(name)
        if isinstance(space, Range) and name != "lr":  # the highest rates only diverge
            found = [space.at(0.2), space.at(0.8), space.at(0.5)]
        else:
            found = [0.5 * default, 0.25 * default, 0.75 * default] if default else [0.01, 0.1, 0.5]
        return [value for value in found if self._with(name, value) is not None]

    def in_rows(self, rows: int) -> list[Any]:
        """So many instances that differ in every float field that may."""
        found = [self.example]
        for row in range(1, rows):
            made = self.example
            for name in float_fields(self.component):
                values = self.values(name)
                if values:
                    other = _replaced(made, name, values[(row - 1) % len(values)])
                    made = made if other is None else other
            found.append(made)
        return found

    def _with(self, name: str, value: Any) -> Any:
        return _replaced(self.example, name, value)


def with_rows(instances: list[Any]) -> Any:
    """One instance whose float fields are (R, 1) arrays, as the core hands it to a backend."""
    merged = copy.copy(instances[0])
    for name in float_fields(merged):
        column = np.array([getattr(instance, name) for instance in instances], np.float64)[:, None]
        object.__setattr__(merged, name, column)
    return merged


def _replaced(instance: Any, name: str, value: Any) -> Any:
    """The instance with another value of a field; None where it refuses that."""
    try:
        return dataclasses.replace(instance, **{name: value})
    except HarnessError:
        return None
