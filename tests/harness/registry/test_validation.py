from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

import pytest

from harness.contracts import Scope
from harness.errors import PluginError
from harness.registry.validation import check_component, check_name


@pytest.mark.parametrize(
    ("kind", "name", "message"),
    [
        ("optimizer", 3, "must be text"),
        ("optimizer", "3d", "not starting with a digit"),
        ("optimizer", "a b", "that a command line can hold"),
        ("optimizer", "True", "none of false, inf, nan, null, true"),
        ("wrapper", "my-wrapper", "letters, digits and _ only"),
        ("auxiliary_loss", "lambda", "letters, digits and _ only"),
        ("auxiliary_loss", "accuracy", "which the core uses itself"),
        ("loss", "auto", "must not be 'auto'"),
        ("wrapper", "none", "must not be 'none'"),
    ],
)
def test_a_name_must_be_one_that_can_be_chosen_and_logged(kind, name, message):
    with pytest.raises(PluginError, match=message):
        check_name(kind, name)


def test_the_same_name_may_be_fine_for_another_kind():
    check_name("optimizer", "my-rule")
    check_name("optimizer", "none")
    check_name("dataset", "accuracy")


class Plain:
    """No dataclass."""


@dataclass
class Writable:
    """Not frozen."""


@dataclass(frozen=True)
class Empty:
    """Has no member of the contract."""


@dataclass(frozen=True)
class WithField:
    """An auxiliary loss with a setting."""

    margin: float = 1.0


@dataclass(frozen=True)
class WithoutScope:
    """A rule whose scope is no scope."""

    scope: ClassVar[Any] = "vector"
    lr: float = 0.1

    def init(self, theta):
        return ()

    def step(self, theta, gradient, state, lr, t):
        return theta, state


@pytest.mark.parametrize(
    ("kind", "component", "message"),
    [
        ("optimizer", Plain, "must be a frozen dataclass"),
        ("optimizer", Empty(), "must be a frozen dataclass"),
        ("optimizer", Writable, r"must be frozen: @dataclass\(frozen=True\)"),
        ("schedule", Empty, "it lacks 'factor', see Schedule in the contract"),
        ("auxiliary_loss", WithField, "must have no fields"),
    ],
)
def test_a_class_must_be_what_its_contract_says(kind, component, message):
    with pytest.raises(PluginError, match=message):
        check_component(kind, "mine", component)


def test_what_the_core_reads_of_the_class_must_be_of_its_type(registry):
    with pytest.raises(PluginError, match=r"'scope' must be a harness.Scope. Got 'vector'"):
        check_component("optimizer", "mine", WithoutScope)
    own = registry.component("optimizer", "sgd")
    assert isinstance(own.scope, Scope)
    check_component("optimizer", "mine", own)
