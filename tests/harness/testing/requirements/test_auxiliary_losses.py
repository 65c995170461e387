"""Auxiliary losses that break one requirement each, and no other."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import pytest

from harness import array_namespace, check_range


@dataclass(frozen=True)
class Sound:
    """1/B Σ h²."""

    reads: ClassVar[str] = "hidden"
    output_activations: ClassVar[frozenset[str]] = frozenset({"softmax"})

    def value(self, values):
        return array_namespace(values).sum(values * values, axis=(-2, -1)) / values.shape[-2]

    def gradient(self, values):
        return 2 * values / values.shape[-2]


@dataclass(frozen=True)
class HasAStrength(Sound):
    """Has a field. strength: Factor beside λ."""

    strength: float = 1.0

    def __post_init__(self):
        check_range(self, "strength", 0)


class ReadsAnUnknownArray(Sound):
    """Reads an array that does not exist."""

    reads = "outputs"


class UnknownActivation(Sound):
    """Names an output activation that does not exist."""

    output_activations = frozenset({"softplus"})


class WrongSign(Sound):
    """Its gradient has the wrong sign."""

    def gradient(self, values):
        return -super().gradient(values)


def test_what_they_are_made_from_is_sound(assert_sound):
    assert_sound("auxiliary_loss", Sound)


@pytest.mark.parametrize(
    ("component", "requirement", "found"),
    [
        (HasAStrength, "has_no_fields", r"Its fields are strength\."),
        (ReadsAnUnknownArray, "states_what_it_reads", "'outputs'"),
        (UnknownActivation, "states_what_it_reads", r"\['softplus'\]"),
        (WrongSign, "has_the_gradient_of_its_value", "differ by 2 relative"),
    ],
    ids=lambda part: getattr(part, "__name__", None),
)
def test_a_faulty_auxiliary_loss_is_caught_by_its_requirement(
    assert_breaks, component, requirement, found
):
    assert_breaks("auxiliary_loss", component, requirement, found)
