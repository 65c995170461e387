"""What is asked of a backend in the core's own training; `backends.py` asks the rest."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from typing import Any

import numpy as np

from harness.testing.assertions import assert_close, assert_equal
from harness.testing.check_results import Skip, Violation
from harness.testing.dependencies import depends_on
from harness.testing.fixtures.problem import train_stack
from harness.testing.fixtures.update_rules import Bounded, Momentum, Normalised
from harness.testing.installed_backends import (
    TOLERANCE,
    promises_exact_stacks,
    runnable_backends,
    stack_tolerance,
    with_dtype,
)
from harness.testing.requirements.backends import (
    steps_rules_as_they_are_written,
    takes_a_batch_that_runs_share,
)
from harness.testing.subject import Subject
from harness.training.run_queue import FORK

__all__ = ["REQUIREMENTS"]

PATIENCE = 20.0  # seconds for a training of 20 steps in a forked process
LONG = 10_000  # steps for which compiling should pay, unless it takes longer than a check may


@depends_on(takes_a_batch_that_runs_share, steps_rules_as_they_are_written)
def trains_in_a_stack_as_alone(subject: Subject) -> None:
    """A run computes in a stack what it computes alone: to the last bit where the class says
    `exact_stacks = True`, else to 1e-10 in float64 and 1e-4 in float32."""
    rules = [Momentum(), Momentum(lr=0.02), Momentum(momentum=0.5), Bounded()]
    for dtype in ("float64", "float32"):
        backend = with_dtype(subject.example, dtype)
        together = train_stack(backend, rules, [0, 1, 2, 3])
        for r, rule in enumerate(rules):
            alone = train_stack(backend, [rule], [r])
            for what, found, expected in (
                ("θ", together.theta, alone.theta),
                ("train/loss", together.losses, alone.losses),
            ):
                assert_close(
                    found[[r]],
                    expected,
                    stack_tolerance(backend),
                    f"{what} of run {r} of 4 and alone, after 20 steps in {dtype},",
                    "Let shapes of a run decide on kernels and groupings, never the number of runs"
                    + (
                        "; or do not promise exact_stacks."
                        if promises_exact_stacks(backend)
                        else "."
                    ),
                )


@depends_on(takes_a_batch_that_runs_share, steps_rules_as_they_are_written)
def trains_as_the_other_backends(subject: Subject) -> None:
    """4 epochs of the core's own loop in float64 lead to the θ and the losses that every other
    installed backend comes to, to 1e-10."""
    others = runnable_backends(subject.registry)
    others.pop(subject.name, None)
    if not others:
        raise Skip("no other backend runs here")
    rules, seeds = [Momentum(), Normalised(), Bounded()], [0, 1, 2]
    mine = train_stack(with_dtype(subject.example, "float64"), rules, seeds)
    for name, other in others.items():
        theirs = train_stack(other, rules, seeds)
        remedy = "Run both on one batch, and compare forward, gradient and update one by one."
        assert_close(
            mine.theta, theirs.theta, TOLERANCE, f"θ after 20 steps, here and on {name},", remedy
        )
        assert_close(
            mine.losses, theirs.losses, TOLERANCE, f"train/loss, here and on {name},", remedy
        )


@depends_on(takes_a_batch_that_runs_share, steps_rules_as_they_are_written)
def compiles_what_the_loop_does(subject: Subject) -> None:
    """Where `compiled` gives a pass, an epoch of it is an epoch of the core's loop, to 1e-10."""
    backend = with_dtype(subject.example, "float64")
    long, looped = _Asked(backend, LONG), _Asked(backend, None)
    rules, seeds = [Momentum(), Momentum(lr=0.02)], [0, 0]  # one compilation
    passed = train_stack(long, rules, seeds)
    if not long.compiles:
        raise Skip(f"for a run of {LONG} steps it compiles nothing: the core's loop runs them")
    by_the_loop = train_stack(looped, rules, seeds)
    remedy = (
        "Hold the pass against the loop in harness/training/loop.py, the smaller last batch too."
    )
    assert_close(
        passed.theta, by_the_loop.theta, TOLERANCE, "θ by the pass and by the loop", remedy
    )
    assert_close(
        passed.losses, by_the_loop.losses, TOLERANCE, "train/loss by pass and by the loop", remedy
    )


@depends_on(takes_a_batch_that_runs_share, steps_rules_as_they_are_written)
def survives_a_fork(subject: Subject) -> None:
    """Where it says `forkable`, a forked process trains to the same bits as this one, in 20 seconds."""
    backend = with_dtype(subject.example, "float64")
    if not backend.forkable or FORK is None:
        raise Skip("it is not forkable" if FORK else "nothing is forked on this system")
    here = train_stack(backend, [Momentum()], [0]).theta
    there, error = _in_a_fork(lambda: train_stack(backend, [Momentum()], [0]).theta)
    remedy = "Set forkable to False: stacks then train in threads."
    if there is None:
        raise Violation(f"In a forked process {error}.", remedy)
    assert_equal(there, here, "θ after 20 steps in a forked process and in this one", remedy)


def _in_a_fork(work: Callable[[], np.ndarray]) -> tuple[np.ndarray | None, str]:
    """What comes of it in a forked process, or nothing and what went wrong there."""
    assert FORK is not None
    receiver, sender = FORK.Pipe(duplex=False)

    def child() -> None:
        try:
            sender.send((work(), ""))
        except BaseException as error:
            sender.send((None, f"it raised {type(error).__name__}: {error}"))

    with (
        warnings.catch_warnings()
    ):  # Python and JAX warn of a fork beside threads: it is tried here
        warnings.simplefilter("ignore")
        process = FORK.Process(target=child, daemon=True)
        process.start()
    sender.close()
    try:
        if receiver.poll(PATIENCE):
            return receiver.recv()
        return None, f"nothing came of it in {PATIENCE:g} seconds"
    except EOFError:
        process.join()
        return None, f"it ended with the exit code {process.exitcode}"
    finally:
        process.kill()
        process.join()


class _Asked:
    """A backend that is told of so many steps to come, or never asked to compile."""

    def __init__(self, backend: Any, steps: int | None) -> None:
        self._backend = backend
        self._steps = steps
        self.compiles = False

    def __getattr__(self, name: str) -> Any:
        return getattr(self._backend, name)

    def compiled(self, step: Any, features: Any, targets: Any, steps: int) -> Any:
        if self._steps is None:
            return None
        found = self._backend.compiled(step, features, targets, self._steps)
        self.compiles = self.compiles or found is not None
        return found


REQUIREMENTS = (
    trains_in_a_stack_as_alone,
    trains_as_the_other_backends,
    compiles_what_the_loop_does,
    survives_a_fork,
)
