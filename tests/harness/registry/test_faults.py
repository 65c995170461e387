from __future__ import annotations

from dataclasses import dataclass

import pytest

from harness.errors import BrokenPromise, ConfigurationError
from harness.registry.faults import plugin_fault


@dataclass(frozen=True)
class Unknown:
    """A component that no plugin provides."""


def raised(function):
    try:
        function()
    except BaseException as error:
        return error
    raise AssertionError("nothing was raised")


def test_a_broken_promise_names_the_component_and_its_plugin(registry):
    sgd = registry.component("optimizer", "sgd")()
    fault = plugin_fault(BrokenPromise(sgd, "step must return an array"), registry)
    assert fault is not None
    assert fault.message == fault.details
    assert fault.message.startswith("The optimizer 'sgd' of the plugin optimizer-harness:")
    assert fault.message.endswith("breaks its contract: step must return an array.")
    fault = plugin_fault(BrokenPromise(Unknown(), "step must return an array"), registry)
    assert fault is not None
    assert fault.message == "The Unknown breaks its contract: step must return an array."


def test_an_error_that_came_out_of_a_method_of_a_component_is_its_plugin_s(registry):
    layer = None  # has no fan_in
    zeros = registry.component("initializer", "he_normal")()
    error = raised(lambda: zeros.sample((2, 2), layer, None))
    fault = plugin_fault(error, registry)
    assert fault is not None
    assert fault.message.startswith(
        "The method sample of the initializer 'he_normal' of the plugin optimizer-harness:"
    )
    assert "raised AttributeError" in fault.message
    first, *_ = [line for line in fault.details.splitlines() if line.strip().startswith("File ")]
    assert __file__ not in first


@pytest.mark.parametrize("error", [ConfigurationError("for a person"), ValueError("nobody's")])
def test_what_is_meant_for_a_person_or_came_from_no_plugin_is_nobody_s_fault(registry, error):
    def fail():
        raise error

    assert plugin_fault(raised(fail), registry) is None
