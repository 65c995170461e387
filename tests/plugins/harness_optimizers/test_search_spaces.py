"""The search spaces of the optimizers: within what the rules allow, and fair to each."""

from __future__ import annotations

import math

import pytest

from harness.registry.registry import load_registry
from harness.search_space import space_of

BRIDGES = {"torch", "pytorch_optimizer"}  # whose rules have defaults of their own
OPTIMIZERS = [name for name in load_registry().names("optimizer") if name not in BRIDGES]


def optimizer(name):
    return load_registry().component("optimizer", name)


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_the_default_lies_well_inside(name):
    rule = optimizer(name)()
    for field, range_ in space_of(optimizer(name)).items():
        assert range_.at(0.1) <= getattr(rule, field) <= range_.at(0.9)


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_the_learning_rate_comes_first_and_has_two_decades_on_either_side_of_its_default(name):
    first, range_ = next(iter(space_of(optimizer(name)).items()))
    assert (first, range_.scale) == ("lr", "log")
    default = optimizer(name)().lr
    assert math.log10(default / range_.low) == pytest.approx(2)
    assert math.log10(range_.high / default) == pytest.approx(2)


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_the_space_is_no_field_and_so_no_part_of_the_configuration(name, registry):
    from hydra.core.config_store import ConfigStore

    assert "search_space" not in ConfigStore.instance().load(f"optimizer/{name}.yaml").node


@pytest.mark.parametrize("name", load_registry().names("optimizer"))
def test_every_range_says_what_its_numbers_measure(name):
    """The rates of two rules need not have one unit: of gradients, of parameters, a share."""
    assert all(range_.meaning for range_ in space_of(optimizer(name)).values())
