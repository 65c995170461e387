"""Schedules that break one requirement for all components each, and no other."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
import pytest

from harness import check_range


@dataclass(frozen=True)
class Sound:
    """A line from 1 to 0 that stays there.

    power: of the line, in (0, inf). cycles: how often, 1 or more.
    """

    power: float = 1.0
    cycles: int = 1

    def __post_init__(self):
        check_range(self, "power", 0, closed="neither")
        check_range(self, "cycles", 1)

    def factor(self, step, horizon):
        return np.clip(1 - step / max(horizon.steps, 1), 0, 1) ** self.power


@dataclass
class Thawed:
    """Is not frozen."""

    def factor(self, step, horizon):
        return np.ones_like(step)


class NoDataclass:
    """Is a plain class."""

    def factor(self, step, horizon):
        return np.ones_like(step)


@dataclass(frozen=True)
class RefusesItsDefault(Sound):
    """Has a default that it refuses."""

    power: float = -1.0


@dataclass(frozen=True)
class NoFactor:
    """Has no member of a schedule."""


@dataclass(frozen=True)
class Undocumented(Sound):
    power: float = 0.5


@dataclass(frozen=True)
class HasASecretField(Sound):
    """Does not describe all of its fields."""

    secret: float = 1.0

    def __post_init__(self):
        super().__post_init__()
        check_range(self, "secret")


@dataclass(frozen=True)
class HoldsAnArray(Sound):
    """Has a field that no configuration can hold.

    table: an array.
    """

    table: np.ndarray = field(default_factory=lambda: np.ones(3))


@dataclass(frozen=True)
class DefaultOfAnotherType(Sound):
    """Gives a float a whole number."""

    power: float = 1


@dataclass(frozen=True)
class AcceptsNan(Sound):
    """Accepts NaN, since NaN < 0 is false.

    low: 0 or more.
    """

    low: float = 0.5

    def __post_init__(self):
        super().__post_init__()
        if self.low < 0:
            check_range(self, "low", 0)


@dataclass(frozen=True)
class RaisesValueError(Sound):
    """Raises an error that is not meant for a person.

    low: 0 or more.
    """

    low: float = 0.5

    def __post_init__(self):
        super().__post_init__()
        if not self.low >= 0:
            raise ValueError("too low")


def test_what_they_are_made_from_is_sound(assert_sound):
    assert_sound("schedule", Sound)


@pytest.mark.parametrize(
    ("component", "requirement", "found"),
    [
        (Thawed, "is_a_frozen_dataclass", "Thawed'>, which is not frozen"),
        (NoDataclass, "is_a_frozen_dataclass", r"NoDataclass'>\."),
        (RefusesItsDefault, "accepts_its_defaults", r"RefusesItsDefault\(\) raised .* Got -1\.0"),
        (NoFactor, "has_every_member_of_its_contract", "1 of the 1 members of Schedule .* factor"),
        (Undocumented, "has_a_summary", "docstring has 0 characters"),
        (
            HasASecretField,
            "describes_every_field",
            "1 of 3 fields are not in the docstring: secret",
        ),
        (HoldsAnArray, "has_fields_that_hydra_can_hold", "refused HoldsAnArray: .*ndarray"),
        (
            DefaultOfAnotherType,
            "has_fields_that_hydra_can_hold",
            "'power' went in as 1 and came back as 1\\.0",
        ),
        (AcceptsNan, "refuses_values_out_of_range", "low=nan was accepted"),
        (RaisesValueError, "refuses_values_out_of_range", "low=nan raised ValueError: too low"),
    ],
    ids=lambda part: getattr(part, "__name__", None),
)
def test_a_faulty_component_is_caught_by_its_requirement(
    assert_breaks, component, requirement, found
):
    assert_breaks("schedule", component, requirement, found)


def test_a_name_that_hydra_cannot_read_is_caught(assert_breaks):
    assert_breaks("schedule", Sound, "has_a_name_for_the_command_line", "my-line", name="my-line")
