"""Which backends components are compared on: one that is broken spoils nobody else's check."""

from __future__ import annotations

from harness.registry.registry import Plugin, Registry
from harness.testing.installed_backends import agreeing_backends, runnable_backends
from harness_numpy import Numpy


class Unborn(Numpy):
    """Cannot be made."""

    def __post_init__(self):
        raise ImportError("no such library")


class Broken(Numpy):
    """Cannot train."""

    def bind(self, network, objective):
        raise RuntimeError("not yet")


class Wrong(Numpy):
    """Trains to something else."""

    exact_stacks = False

    def to_device(self, array):
        placed = super().to_device(array)
        return placed * 1.001 if placed.dtype.kind == "f" else placed


def test_only_backends_that_train_are_compared_with(without_torch, check_results):
    faulty = {"unborn": Unborn, "broken": Broken, "wrong": Wrong}
    plugin = Plugin("acme:mine", "acme", "1.0", "mine", {"backend": faulty})
    installed = Registry([*without_torch.plugins, plugin])
    assert sorted(runnable_backends(installed)) == ["broken", "numpy", "wrong"]
    assert list(agreeing_backends(installed)) == ["numpy"]
    adam = installed.component("optimizer", "adam")
    found = check_results("optimizer", adam, "adam", installed=installed).values()
    assert not [result for result in found if result.failed]


def test_those_that_promise_every_bit_come_first(first_party):
    assert next(iter(runnable_backends(first_party))) == "numpy"
