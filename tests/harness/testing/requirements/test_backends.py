"""Backends that break one requirement each, and no other; they are made from the NumPy backend."""

from __future__ import annotations

import os
import threading
from dataclasses import dataclass, replace
from typing import ClassVar

import numpy as np
import pytest

from harness import (
    Forward,
    MissingDependencyError,
    check_choice,
)
from harness.testing.requirements import backend_training
from harness_numpy import Numpy


class Around:
    """A program that calls another one."""

    def __init__(self, inner):
        self.inner = inner

    def forward(self, theta, x):
        return self.inner.forward(theta, x)

    def gradient(self, theta, x, target):
        return self.inner.gradient(theta, x, target)


def binding(wrap, **members):
    """A backend whose programs are wrapped."""

    def bind(self, network, objective):
        return wrap(Numpy.bind(self, network, objective))

    return type(wrap.__name__, (Numpy,), {"__doc__": wrap.__doc__, "bind": bind, **members})


class NotHere(Numpy):
    """Needs a library that is not installed."""

    def check(self):
        raise MissingDependencyError("It needs the library frobnicate: pip install frobnicate.")


class ForkableInWords(Numpy):
    """Sets forkable to a string."""

    forkable = "yes"


@dataclass(frozen=True)
class SingleOnly(Numpy):
    """Refuses double precision."""

    def __post_init__(self):
        check_choice(self, "dtype", ("float32",))


class PlacesViews(Numpy):
    """Does not copy to the device."""

    def to_device(self, array):
        kind = self.dtype if np.issubdtype(array.dtype, np.floating) else None
        return np.asarray(array, dtype=kind)


class FetchesViews(Numpy):
    """Does not copy to the host."""

    def to_host(self, array):
        return array


class WidensIntegers(Numpy):
    """Converts integers to floats."""

    def to_device(self, array):
        return np.array(array, dtype=self.dtype)


class NeverFits(Numpy):
    """Gives a large network no capacity."""

    def capacity(self, network, batch_size):
        return super().capacity(network, batch_size) if network.size < 10**6 else 0


class NoHidden(Around):
    """Keeps no hidden activations in the gradient's forward pass."""

    def gradient(self, theta, x, target):
        forward, gradient = super().gradient(theta, x, target)
        return Forward(forward.output), gradient


class ShiftsOutputs(Around):
    """Adds a little to every output."""

    def forward(self, theta, x):
        forward = super().forward(theta, x)
        return replace(forward, output=forward.output + 0.01)


class KnowsItsRuns(Around):
    """Is wrong for one run alone, since it was bound for several."""

    def forward(self, theta, x):
        if len(theta) == 1:
            theta = np.concatenate([theta, 2 * theta])
            return replace(super().forward(theta, x), output=super().forward(theta, x).output[1:])
        return super().forward(theta, x)


class WrongGradient(Around):
    """Its gradient is too long by 1 in 1000."""

    def gradient(self, theta, x, target):
        forward, gradient = super().gradient(theta, x, target)
        return forward, gradient * 1.001


class ForgetsDecay(Numpy):
    """Leaves weight decay out of the gradient."""

    def bind(self, network, objective):
        return super().bind(network, replace(objective, weight_decay=None))


class NotQuite(Around):
    """Computes its gradient to 8 digits."""

    def gradient(self, theta, x, target):
        forward, gradient = super().gradient(theta, x, target)
        return forward, gradient * (1 + 1e-8)


class WritesIntoTheFeatures(Around):
    """Changes the batch in place, by almost nothing."""

    def forward(self, theta, x):
        forward = super().forward(theta, x)
        x += 1e-12
        return forward


class RoundsByTheNumberOfRuns(Around):
    """Its last bits depend on how many runs there are."""

    def gradient(self, theta, x, target):
        forward, gradient = super().gradient(theta, x, target)
        return forward, gradient * np.array(1 + 1e-15 * len(theta), theta.dtype)


class SeedsNumpy(Around):
    """Seeds the generator of the process."""

    def gradient(self, theta, x, target):
        np.random.seed(3)  # noqa: NPY002
        return super().gradient(theta, x, target)


class OneStepForAll(Numpy):
    """Gives all runs the rate of the first."""

    def updater(self, blocks, network):
        inner = super().updater(blocks, network)

        class Updater:
            def init(self, theta):
                return inner.init(theta)

            def __call__(self, theta, gradient, state, lr, t):
                return inner(theta, gradient, state, np.full_like(lr, lr[0]), t)

        return Updater()


class OneNumberForAll(Numpy):
    """Takes all runs to be at the step of the first."""

    def updater(self, blocks, network):
        inner = super().updater(blocks, network)

        class Updater:
            def init(self, theta):
                return inner.init(theta)

            def __call__(self, theta, gradient, state, lr, t):
                return inner(theta, gradient, state, lr, np.full_like(t, t[0]))

        return Updater()


class ShareIsOff(Around):
    """Its gradient of a shared batch is too long by 1 in 100."""

    def gradient(self, theta, x, target):
        forward, gradient = super().gradient(theta, x, target)
        return forward, gradient * (1.01 if x.ndim == 2 else 1)


class KnowsItsProcess(Numpy):
    """Needs a device that a forked process cannot use."""

    owner: ClassVar[int] = os.getpid()

    def bind(self, network, objective):
        if os.getpid() != self.owner:
            raise OSError("the device belongs to another process")
        return super().bind(network, objective)


class WaitsForItsThread(Numpy):
    """Waits for a thread that a forked process does not have."""

    owner: ClassVar[int] = os.getpid()

    def bind(self, network, objective):
        if os.getpid() != self.owner:
            threading.Event().wait()
        return super().bind(network, objective)


class Crashes(Numpy):
    """Ends a forked process."""

    owner: ClassVar[int] = os.getpid()

    def bind(self, network, objective):
        if os.getpid() != self.owner:
            os._exit(9)
        return super().bind(network, objective)


class SkipsTheLastBatch(Numpy):
    """Compiles a pass that leaves out the smaller last batch."""

    def compiled(self, step, features, targets, steps):
        program = self.bind(step.network, step.objective)
        update = self.updater(step.blocks, step.network)
        size = step.batch_size

        def run(theta, state, order, lr, t):
            sums = {}
            for number in range(order.shape[-1] // size):
                rows = order[..., number * size : (number + 1) * size]
                x, target = features[rows], targets[rows]
                forward, gradient = program.gradient(theta, x, target)
                for name, term in step.objective.terms(forward, target, theta).items():
                    sums[name] = sums.get(name, 0) + term * size
                theta, state = update(theta, gradient, state, lr[number][:, None], t + number)
            return theta, state, sums

        return run


@pytest.mark.parametrize(
    ("component", "requirement", "found"),
    [
        (ForkableInWords, "states_dtype_and_forkable", "forkable is 'yes'"),
        (
            SingleOnly,
            "states_dtype_and_forkable",
            "dtype='float64' was refused: .* must be one of float32",
        ),
        (PlacesViews, "copies_to_device_and_back", r"and floats differ .* 0\.0 against"),
        (
            FetchesViews,
            "copies_to_device_and_back",
            r"first array was written into, .* 1\.0 against",
        ),
        (WidensIntegers, "copies_to_device_and_back", "From integers in int64, .* float32"),
        (NeverFits, "gives_a_capacity", r"capacity is 0 for \d+ parameters and batches of 4096"),
        (binding(NoHidden), "computes_the_forward_pass", "returned 0 hidden layers of 2"),
        (
            binding(ShiftsOutputs),
            "computes_the_forward_pass",
            r"Layer 3 of forward and its definition \(identity, own batches, 3 runs\) differ",
        ),
        (binding(KnowsItsRuns), "computes_the_forward_pass", "output of one run.* differ"),
        (
            binding(WrongGradient),
            "has_the_gradient_of_its_objective",
            r"\(identity\) differ by 0\.001",
        ),
        (ForgetsDecay, "has_the_gradient_of_its_objective", r"differ by 0\.\d+ relative"),
        (
            binding(WritesIntoTheFeatures),
            "leaves_its_arguments_alone",
            "features was changed.* 1e-12",
        ),
        (OneNumberForAll, "steps_rules_as_they_are_written", r"scope element, .* differ by 0\.\d+"),
        (binding(ShareIsOff), "accepts_a_batch_shared_by_runs", r"repeated batch differ by 0\.01"),
        (KnowsItsProcess, "survives_a_fork", "it raised OSError: the device belongs to another"),
        (WaitsForItsThread, "survives_a_fork", "nothing was returned within 2 seconds"),
        (Crashes, "survives_a_fork", "it ended with the exit code 9"),
        (binding(SeedsNumpy), "touches_no_global_generator", "np.random has changed"),
        (OneStepForAll, "steps_rules_as_they_are_written", r"scope element, .* differ by 0\.\d+"),
        (
            binding(RoundsByTheNumberOfRuns),
            "trains_in_a_stack_as_alone",
            "run 0 of 4 and alone, after 16 steps in float64, .* every bit",
        ),
        (
            SkipsTheLastBatch,
            "compiles_what_the_loop_does",
            r"θ by the pass and by the loop differ by 0",
        ),
    ],
    ids=lambda part: getattr(part, "__name__", None),
)
def test_a_faulty_backend_is_caught_by_its_requirement(
    assert_breaks, no_backend, component, requirement, found, monkeypatch
):
    monkeypatch.setattr(backend_training, "FORK_TIMEOUT", 2.0)
    assert_breaks("backend", component, requirement, found, installed=no_backend)


def test_a_backend_that_trains_differently_is_caught(assert_breaks):
    component, requirement = binding(NotQuite), "trains_as_the_other_backends"
    assert_breaks(
        "backend", component, requirement, r"here and on numpy, differ by \d\.\d+e-0\d relative"
    )


def test_only_a_backend_that_promises_exact_stacks_must_have_them(check_results, no_backend):
    modest = binding(RoundsByTheNumberOfRuns, exact_stacks=False)
    results = check_results("backend", modest, installed=no_backend)
    assert not [(r.requirement, r.found) for r in results.values() if r.failed]


def test_a_backend_that_cannot_run_here_is_skipped_with_its_own_words(check_results, no_backend):
    results = check_results("backend", NotHere, installed=no_backend)
    assert "pip install frobnicate" in results["runs_here"].note
    assert results["computes_the_forward_pass"].note == "as runs_here is"
    assert not [result for result in results.values() if result.failed]
