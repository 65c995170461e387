"""The backends that components are compared on: a broken one fails only its own check."""

from __future__ import annotations

from harness.registry.registry import Plugin, Registry
from harness.testing.installed_backends import agreeing_backends, runnable_backends
from harness_numpy import Numpy


class Raising(Numpy):
    """Cannot be instantiated."""

    def __post_init__(self):
        raise ImportError("no such library")


class Broken(Numpy):
    """Cannot train."""

    def bind(self, network, objective):
        raise RuntimeError("not yet")


class Wrong(Numpy):
    """Trains to another θ."""

    exact_stacks = False

    def to_device(self, array):
        on_device = super().to_device(array)
        return on_device * 1.001 if on_device.dtype.kind == "f" else on_device


def test_only_backends_that_train_are_compared_with(without_torch, check_results):
    faulty = {"raising": Raising, "broken": Broken, "wrong": Wrong}
    plugin = Plugin("acme:mine", "acme", "1.0", "mine", {"backend": faulty})
    installed = Registry([*without_torch.plugins, plugin])
    assert sorted(runnable_backends(installed)) == ["broken", "numpy", "wrong"]
    assert list(agreeing_backends(installed)) == ["numpy"]
    adam = installed.component("optimizer", "adam")
    results = check_results("optimizer", adam, "adam", installed=installed).values()
    assert not [result for result in results if result.failed]


def test_those_that_promise_exact_stacks_come_first(first_party):
    assert next(iter(runnable_backends(first_party))) == "numpy"
