"""Requirements for all components: each is a documented piece of configuration that can be checked."""

from __future__ import annotations

import dataclasses
import inspect
import math
import re
from typing import Any

import harness
from harness.errors import ConfigurationError
from harness.fields import float_fields
from harness.testing.check_results import Violation
from harness.testing.dependencies import depends_on
from harness.testing.subject import Subject

__all__ = ["PREREQUISITES", "REQUIREMENTS"]

CONTRACTS: dict[str, type] = {
    "backend": harness.Backend,
    "dataset": harness.Dataset,
    "optimizer": harness.Optimizer,
    "wrapper": harness.Wrapper,
    "schedule": harness.Schedule,
    "initializer": harness.Initializer,
    "loss": harness.Loss,
    "auxiliary_loss": harness.AuxiliaryLoss,
}


def is_a_frozen_dataclass(subject: Subject) -> None:
    """It is a class with @dataclass(frozen=True), so that nothing changes its settings in a run."""
    parameters = getattr(subject.component, "__dataclass_params__", None)
    if not isinstance(subject.component, type) or not getattr(parameters, "frozen", False):
        raise Violation(
            f"It is {subject.component!r}{', which is not frozen' if parameters else ''}.",
            "Decorate the class with @dataclass(frozen=True), and let the hook return the class itself.",
        )


@depends_on(is_a_frozen_dataclass)
def accepts_its_defaults(subject: Subject) -> None:
    """It can be made from the defaults of its fields."""
    try:
        _ = subject.example
    except ConfigurationError as error:
        raise Violation(
            f"{subject.component.__name__}() raised {type(error).__name__}: {error}",
            "Give the field a default that __post_init__ accepts.",
        ) from error


@depends_on(accepts_its_defaults)
def has_every_member_of_its_contract(subject: Subject) -> None:
    """It has all attributes and methods of its contract: harness/contracts.py, harness/backends.py."""
    contract = CONTRACTS[subject.kind]
    members = {*vars(contract), *inspect.get_annotations(contract)}
    public = sorted(name for name in members if not name.startswith("_"))
    missing = [name for name in public if not hasattr(subject.example, name)]
    if missing:
        raise Violation(
            f"{len(missing)} of the {len(public)} members of {contract.__name__} are missing: "
            f"{', '.join(missing)}.",
            f"Add them; harness.{contract.__name__} describes them.",
        )


def has_a_name_for_the_command_line(subject: Subject) -> None:
    """Its name consists of lower-case letters, digits and underscores, so that Hydra can read it."""
    if not re.fullmatch(r"[a-z][a-z0-9_]*", subject.name):
        raise Violation(
            f"The name is {subject.name!r}.",
            "Change the key in the mapping that the hook returns, for example to my_rule.",
        )


@depends_on(is_a_frozen_dataclass)
def has_a_summary(subject: Subject) -> None:
    """The docstring of the class begins with one line that says what it is."""
    text = _docstring(subject.component)
    lines = text.strip().split("\n")
    if not lines[0].strip() or (len(lines) > 1 and lines[1].strip()):
        raise Violation(
            f"The docstring has {len(text)} characters and begins with {lines[0][:60]!r}.",
            "Write a first line that can stand alone, then an empty line: listings show the first line.",
        )


@depends_on(is_a_frozen_dataclass)
def describes_every_field(subject: Subject) -> None:
    """The docstring of the class, or of the base class that declares it, describes each field."""
    fields = [field.name for field in dataclasses.fields(subject.component)]
    text = "\n".join(map(_docstring, subject.component.__mro__))
    missing = [name for name in fields if not re.search(rf"(?<!\w){re.escape(name)}(?!\w)", text)]
    if missing:
        raise Violation(
            f"{len(missing)} of {len(fields)} fields are not in the docstring: {', '.join(missing)}.",
            f"Add a line for each under Attributes:, as in '{missing[0]}: What it is, in [0, 1).'",
        )


@depends_on(accepts_its_defaults)
def has_fields_that_hydra_can_hold(subject: Subject) -> None:
    """Its fields make a typed node of the configuration, from which the same instance is made."""
    from omegaconf import OmegaConf
    from omegaconf.errors import OmegaConfBaseException

    from harness.configuration.nodes import node_of

    try:
        node = node_of(subject.component)
        for name in subject.required:
            node[name] = getattr(subject.example, name)
        rebuilt = OmegaConf.to_object(node)
    except (OmegaConfBaseException, NameError) as error:  # NameError: from an annotation
        raise Violation(
            f"OmegaConf refused {subject.component.__name__}: {str(error).splitlines()[0]}",
            "Declare fields as float, int, bool, str, an Enum, a list or a dict of these, or X | None.",
        ) from error
    defaults = subject.example if subject.required else subject.component()
    for field in dataclasses.fields(subject.component):
        before, after = getattr(defaults, field.name), getattr(rebuilt, field.name)
        if before != after or (
            type(before) is not type(after) and not isinstance(before, list | tuple)
        ):
            raise Violation(
                f"The default of {field.name!r} went in as {before!r} and came back as {after!r}.",
                f"Give {field.name!r} a default of its declared type, such as 1.0 for a float.",
            )


@depends_on(accepts_its_defaults)
def refuses_values_out_of_range(subject: Subject) -> str | None:
    """It refuses a value that a field must not have, such as NaN, with a ConfigurationError."""
    floats = float_fields(subject.component)
    if not hasattr(subject.component, "__post_init__"):
        return "it has no __post_init__ and accepts every value" if floats else None
    for name, value in _extreme_values(subject):
        try:
            dataclasses.replace(subject.example, **{name: value})
        except ConfigurationError:
            continue
        except Exception as error:
            raise Violation(
                f"{name}={value!r} raised {type(error).__name__}: {error}",
                f"Let __post_init__ call harness.check_range(self, {name!r}, low, high) first.",
            ) from error
        if math.isnan(value):
            raise Violation(
                f"{name}=nan was accepted.",
                f"Let __post_init__ call harness.check_range(self, {name!r}, low, high).",
            )
    return None


def _extreme_values(subject: Subject) -> list[tuple[str, Any]]:
    floats = float_fields(subject.component)
    integers = [f.name for f in dataclasses.fields(subject.component) if f.type in (int, "int")]
    values = (math.nan, math.inf, -math.inf, -1.0, 0.0, 1e300)
    return [
        *((name, value) for name in floats for value in values),
        *((name, value) for name in integers for value in (-1, 0)),
    ]


def _docstring(cls: type) -> str:
    """The docstring that was written; dataclass gives a class without one its signature."""
    text = vars(cls).get("__doc__") or ""
    return "" if text.startswith(f"{cls.__name__}(") else inspect.cleandoc(text)


# While one of these fails, the other requirements tell nothing
PREREQUISITES = (is_a_frozen_dataclass, accepts_its_defaults, has_every_member_of_its_contract)

REQUIREMENTS = (
    *PREREQUISITES,
    has_a_name_for_the_command_line,
    has_a_summary,
    describes_every_field,
    has_fields_that_hydra_can_hold,
    refuses_values_out_of_range,
)
