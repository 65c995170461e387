"""A component under test, and the instances of it that requirements try."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np

from harness.errors import HarnessError
from harness.fields import float_fields, with_fields
from harness.registry.registry import Registry
from harness.search_space import Range
from harness.testing.check_results import CheckResult, Skip

__all__ = ["Subject", "stack_instances"]


@dataclass(frozen=True, eq=False)
class Subject:
    """A component under test.

    Attributes:
        kind: Kind of component, a key of `registry.KINDS`.
        name: Name on the command line.
        component: The class.
        registry: Everything that is installed: a component must agree with the other ones.
        custom_example: Instance to check instead of the one with all defaults.
        results: Results of the checks so far, by the name of the requirement.
    """

    kind: str
    name: str
    component: type
    registry: Registry
    custom_example: Any = None
    results: dict[str, CheckResult] = field(default_factory=dict)

    @property
    def label(self) -> str:
        """KIND=NAME, as on a command line."""
        return f"{self.kind}={self.name}"

    @cached_property
    def example(self) -> Any:
        """The instance to check: the custom one, or the one with all defaults and without downloads."""
        if self.custom_example is not None:
            return self.custom_example
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
        """The example, then copies of it with another value in one float or bool field each."""
        yield self.example
        for name in float_fields(self.component):
            yield from (self._with(name, value) for value in self.other_values(name)[:2])
        for name in (f.name for f in dataclasses.fields(self.component)):
            value = getattr(self.example, name)
            if isinstance(value, bool):
                yield from filter(None, [self._with(name, not value)])

    def other_values(self, name: str) -> list[float]:
        """Other valid values of a float field: from its search space, or near its default."""
        default = float(getattr(self.example, name))
        space = getattr(self.component, "search_space", {}).get(name)
        if isinstance(space, Range) and name != "lr":  # at the highest rates training only diverges
            values = [space.at(0.2), space.at(0.8), space.at(0.5)]
        else:
            values = (
                [0.5 * default, 0.25 * default, 0.75 * default] if default else [0.01, 0.1, 0.5]
            )
        return [value for value in values if self._with(name, value) is not None]

    def distinct_instances(self, count: int) -> list[Any]:
        """The example and other instances, with other values in as many float fields as possible."""
        instances = [self.example]
        for number in range(1, count):
            instance = self.example
            for name in float_fields(self.component):
                values = self.other_values(name)
                if values:
                    changed = _replaced(instance, name, values[(number - 1) % len(values)])
                    instance = instance if changed is None else changed
            instances.append(instance)
        return instances

    def _with(self, name: str, value: Any) -> Any:
        return _replaced(self.example, name, value)


def stack_instances(instances: list[Any]) -> Any:
    """One instance whose float fields are (R, 1) arrays, as the core hands it to a backend."""
    columns = {
        name: np.array([getattr(instance, name) for instance in instances], np.float64)[:, None]
        for name in float_fields(instances[0])
    }
    return with_fields(instances[0], **columns)


def _replaced(instance: Any, name: str, value: Any) -> Any:
    """The instance with another value in a field; None if it refuses the value."""
    try:
        return dataclasses.replace(instance, **{name: value})
    except HarnessError:
        return None
