"""Requirements for backends in the core's training loop; `backends.py` has the others."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from typing import Any

import numpy as np

from harness.testing.assertions import assert_close, assert_equal
from harness.testing.check_results import Skip, Violation
from harness.testing.dependencies import depends_on
from harness.testing.fixtures.problem import STEPS, train_stack
from harness.testing.fixtures.update_rules import Bounded, Momentum, Normalised
from harness.testing.installed_backends import (
    TOLERANCE,
    promises_exact_stacks,
    runnable_backends,
    stack_tolerance,
    with_dtype,
)
from harness.testing.requirements.backends import (
    accepts_a_batch_shared_by_runs,
    steps_rules_as_they_are_written,
)
from harness.testing.subject import Subject
from harness.training.run_queue import FORK

__all__ = ["REQUIREMENTS"]

FORK_TIMEOUT = 20.0  # seconds for one training in a forked process
MANY_STEPS = 10_000  # compiling should pay for this many, unless it takes longer than a check may


@depends_on(accepts_a_batch_shared_by_runs, steps_rules_as_they_are_written)
def trains_in_a_stack_as_alone(subject: Subject) -> None:
    """A run computes the same in a stack as alone: to the last bit if the class says
    `exact_stacks = True`, else to 1e-10 in float64 and 1e-4 in float32."""
    rules = [Momentum(), Momentum(lr=0.02), Momentum(momentum=0.5), Bounded()]
    for dtype in ("float64", "float32"):
        backend = with_dtype(subject.example, dtype)
        stack = train_stack(backend, rules, [0, 1, 2, 3])
        for r, rule in enumerate(rules):
            alone = train_stack(backend, [rule], [r])
            for what, in_stack, expected in (
                ("θ", stack.theta, alone.theta),
                ("train/loss", stack.losses, alone.losses),
            ):
                assert_close(
                    in_stack[[r]],
                    expected,
                    stack_tolerance(backend),
                    f"{what} of run {r} of 4 and alone, after {STEPS} steps in {dtype},",
                    "Choose kernels and orders of sums by the shapes of one run, not by how many runs"
                    + (
                        ", or do not promise exact_stacks."
                        if promises_exact_stacks(backend)
                        else "."
                    ),
                )


@depends_on(accepts_a_batch_shared_by_runs, steps_rules_as_they_are_written)
def trains_as_the_other_backends(subject: Subject) -> None:
    """4 epochs of the core's loop in float64 lead to the same θ and losses as on every other installed
    backend, to 1e-10."""
    other_backends = runnable_backends(subject.registry)
    other_backends.pop(subject.name, None)
    if not other_backends:
        raise Skip("no other backend runs here")
    rules, seeds = [Momentum(), Normalised(), Bounded()], [0, 1, 2]
    trained = train_stack(with_dtype(subject.example, "float64"), rules, seeds)
    for name, other in other_backends.items():
        reference = train_stack(other, rules, seeds)
        remedy = "Run both on one batch, and compare forward pass, gradient and update."
        assert_close(
            trained.theta,
            reference.theta,
            TOLERANCE,
            f"θ after {STEPS} steps, here and on {name},",
            remedy,
        )
        assert_close(
            trained.losses, reference.losses, TOLERANCE, f"train/loss, here and on {name},", remedy
        )


@depends_on(accepts_a_batch_shared_by_runs, steps_rules_as_they_are_written)
def compiles_what_the_loop_does(subject: Subject) -> None:
    """If `compiled` returns a pass, an epoch of it is an epoch of the core's loop, to 1e-10."""
    backend = with_dtype(subject.example, "float64")
    compiling, looping = _WithHorizon(backend, MANY_STEPS), _WithHorizon(backend, None)
    rules, seeds = [Momentum(), Momentum(lr=0.02)], [0, 0]  # one compilation
    by_pass = train_stack(compiling, rules, seeds)
    if not compiling.compiles:
        raise Skip(
            f"for a run of {MANY_STEPS} steps it compiles nothing, and the core's loop trains"
        )
    by_loop = train_stack(looping, rules, seeds)
    remedy = "Compare it with harness/training/loop.py, also for the smaller last batch."
    assert_close(by_pass.theta, by_loop.theta, TOLERANCE, "θ by the pass and by the loop", remedy)
    assert_close(
        by_pass.losses, by_loop.losses, TOLERANCE, "train/loss by pass and by the loop", remedy
    )


@depends_on(accepts_a_batch_shared_by_runs, steps_rules_as_they_are_written)
def survives_a_fork(subject: Subject) -> None:
    """If it is `forkable`, a forked process trains to the same bits as this one, within 20 seconds."""
    backend = with_dtype(subject.example, "float64")
    if not backend.forkable or FORK is None:
        raise Skip("it is not forkable" if FORK else "this system does not fork")
    expected = train_stack(backend, [Momentum()], [0]).theta
    theta, error = _in_fork(lambda: train_stack(backend, [Momentum()], [0]).theta)
    remedy = "Set forkable to False: stacks then train in threads."
    if theta is None:
        raise Violation(f"In a forked process {error}.", remedy)
    assert_equal(
        theta, expected, f"θ after {STEPS} steps in a forked process and in this one", remedy
    )


def _in_fork(work: Callable[[], np.ndarray]) -> tuple[np.ndarray | None, str]:
    """The result of work in a forked process, or None and what went wrong there."""
    assert FORK is not None
    receiver, sender = FORK.Pipe(duplex=False)

    def child() -> None:
        try:
            sender.send((work(), ""))
        except BaseException as error:
            sender.send((None, f"it raised {type(error).__name__}: {error}"))

    with warnings.catch_warnings():
        # Python and JAX warn of a fork in a process with threads; this is a trial of one
        warnings.simplefilter("ignore")
        process = FORK.Process(target=child, daemon=True)
        process.start()
    sender.close()
    try:
        if receiver.poll(FORK_TIMEOUT):
            return receiver.recv()
        return None, f"nothing was returned within {FORK_TIMEOUT:g} seconds"
    except EOFError:
        process.join()
        return None, f"it ended with the exit code {process.exitcode}"
    finally:
        process.kill()
        process.join()


class _WithHorizon:
    """A backend that is told how many steps will follow, or with None never compiles."""

    def __init__(self, backend: Any, steps: int | None) -> None:
        self._backend = backend
        self._steps = steps
        self.compiles = False

    def __getattr__(self, name: str) -> Any:
        return getattr(self._backend, name)

    def compiled(self, step: Any, features: Any, targets: Any, steps: int) -> Any:
        if self._steps is None:
            return None
        epoch = self._backend.compiled(step, features, targets, self._steps)
        self.compiles = self.compiles or epoch is not None
        return epoch


REQUIREMENTS = (
    trains_in_a_stack_as_alone,
    trains_as_the_other_backends,
    compiles_what_the_loop_does,
    survives_a_fork,
)
