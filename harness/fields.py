"""The fields of a component: which may differ between runs of a stack, and checks of their values."""

from __future__ import annotations

import copy
import dataclasses
import math
from collections.abc import Sequence
from types import MappingProxyType
from typing import Any, TypeVar

from harness.errors import ConfigurationError

__all__ = [
    "ADDED",
    "check_choice",
    "check_range",
    "float_fields",
    "kind_of",
    "stated_fields",
    "with_fields",
]

Component = TypeVar("Component")

ADDED = MappingProxyType({"harness.added": True})
"""The metadata of a field that a component got after others had trained with it.

While such a field has its default, runs do not state it: they keep their identity and their
parameters, and are the same runs as those from before the field was there. So the default must do what
was done then.
"""


def stated_fields(component: Any) -> dict[str, Any]:
    """The values of a component by field, without those of `ADDED` that have their default.

    >>> @dataclasses.dataclass(frozen=True)
    ... class Table:
    ...     path: str
    ...     separator: str = dataclasses.field(default=",", metadata=ADDED)
    >>> stated_fields(Table("a.csv")), stated_fields(Table("a.csv", ";"))
    ({'path': 'a.csv'}, {'path': 'a.csv', 'separator': ';'})
    """
    return {
        field.name: getattr(component, field.name)
        for field in dataclasses.fields(component)
        if not (field.metadata.get("harness.added") and _has_default(component, field))
    }


def _has_default(component: Any, field: dataclasses.Field[Any]) -> bool:
    factory = field.default_factory
    default = field.default if factory is dataclasses.MISSING else factory()
    return bool(getattr(component, field.name) == default)


def float_fields(component: Any) -> list[str]:
    """The names of the fields that may differ between the runs of a stack: those declared float.

    >>> from harness.model.mlp import Mlp
    >>> float_fields(Mlp())
    ['slope']
    """
    return [f.name for f in dataclasses.fields(component) if f.type in (float, "float")]


def kind_of(component: Any) -> str:
    """A text that is equal for components of one class whose fields, floats apart, are equal.

    Components of one kind may share a stack, and what a backend has compiled.

    >>> from harness.model.mlp import Mlp
    >>> kind_of(Mlp(slope=0.1)) == kind_of(Mlp(slope=0.2)) != kind_of(Mlp(bias=False))
    True
    """
    floats = float_fields(component)
    fixed = [
        (f.name, getattr(component, f.name))
        for f in dataclasses.fields(component)
        if f.name not in floats
    ]
    return repr((type(component).__module__, type(component).__qualname__, fixed))


def with_fields(component: Component, /, **values: Any) -> Component:
    """A copy of a component with other values in some fields: arrays for floats, say, or symbols.

    `dataclasses.replace` would call `__post_init__`, whose checks are for plain numbers and have been
    made; and the fields of a frozen dataclass cannot be set.

    Args:
        component: The component, which stays as it is.
        values: New values by field.

    >>> from harness.model.mlp import Mlp
    >>> with_fields(Mlp(), slope=[[0.1], [0.2]]).slope
    [[0.1], [0.2]]
    """
    changed = copy.copy(component)
    for name, value in values.items():
        object.__setattr__(changed, name, value)
    return changed


def check_range(
    component: object,
    name: str,
    low: float = -math.inf,
    high: float = math.inf,
    *,
    closed: str = "both",
) -> None:
    """Raises ConfigurationError unless a field of a component lies in a range.

    Args:
        component: The component.
        name: Name of the field.
        low: Lower end of the range.
        high: Upper end of the range.
        closed: Which ends belong to the range: "both", "left", "right" or "neither"; infinite ends never
            do.

    >>> from types import SimpleNamespace
    >>> check_range(SimpleNamespace(lr=-1.0), "lr", 0)
    Traceback (most recent call last):
    harness.errors.ConfigurationError: 'lr' of SimpleNamespace must be in the range [0, inf). Got -1.0.
    """
    value = getattr(component, name)
    low_belongs = closed in ("both", "left") and low != -math.inf
    high_belongs = closed in ("both", "right") and high != math.inf
    above = value >= low if low_belongs else value > low
    below = value <= high if high_belongs else value < high
    if not (above and below):  # a NaN fails both
        bounds = f"{'[' if low_belongs else '('}{low}, {high}{']' if high_belongs else ')'}"
        raise ConfigurationError(
            f"{name!r} of {type(component).__name__} must be in the range {bounds}. Got {value!r}."
        )


def check_choice(component: object, name: str, allowed: Sequence[str]) -> None:
    """Raises ConfigurationError unless a field of a component has one of the allowed values.

    Args:
        component: The component.
        name: Name of the field.
        allowed: Allowed values.
    """
    value = getattr(component, name)
    if value not in allowed:
        raise ConfigurationError(
            f"{name!r} of {type(component).__name__} must be one of {', '.join(allowed)}. Got {value!r}."
        )
