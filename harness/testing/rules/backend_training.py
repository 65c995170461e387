"""What is asked of a backend in the core's own training; `backends.py` asks the rest."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from typing import Any

import numpy as np

from harness.testing.comparing import agree, same
from harness.testing.fixtures.problem import trained
from harness.testing.fixtures.update_rules import Bounded, Momentum, Normalised
from harness.testing.installed import TOLERANCE, backends, exact, in_precision, stack_tolerance
from harness.testing.ordering import after
from harness.testing.rules.backends import (
    steps_rules_as_they_are_written,
    takes_a_batch_that_runs_share,
)
from harness.testing.subject import Subject
from harness.testing.verdicts import Skip, Violation
from harness.training.run_queue import FORK

__all__ = ["RULES"]

PATIENCE = 20.0  # seconds for a training of 20 steps in a forked process
LONG = 10_000  # steps for which compiling should pay, unless it takes longer than a check may


@after(takes_a_batch_that_runs_share, steps_rules_as_they_are_written)
def trains_in_a_stack_as_alone(subject: Subject) -> None:
    """A run computes in a stack what it computes alone: to the last bit where the class says
    `exact_stacks = True`, else to 1e-10 in float64 and 1e-4 in float32."""
    rules = [Momentum(), Momentum(lr=0.02), Momentum(momentum=0.5), Bounded()]
    for dtype in ("float64", "float32"):
        backend = in_precision(subject.example, dtype)
        together = trained(backend, rules, [0, 1, 2, 3])
        for r, rule in enumerate(rules):
            alone = trained(backend, [rule], [r])
            for what, found, expected in (
                ("θ", together.theta, alone.theta),
                ("train/loss", together.losses, alone.losses),
            ):
                agree(
                    found[[r]],
                    expected,
                    stack_tolerance(backend),
                    f"{what} of run {r} of 4 and alone, after 20 steps in {dtype},",
                    "Let shapes of a run decide on kernels and groupings, never the number of runs"
                    + ("; or do not promise exact_stacks." if exact(backend) else "."),
                )


@after(takes_a_batch_that_runs_share, steps_rules_as_they_are_written)
def trains_as_the_other_backends(subject: Subject) -> None:
    """4 epochs of the core's own loop in float64 lead to the θ and the losses that every other
    installed backend comes to, to 1e-10."""
    others = backends(subject.registry)
    others.pop(subject.name, None)
    if not others:
        raise Skip("no other backend runs here")
    rules, seeds = [Momentum(), Normalised(), Bounded()], [0, 1, 2]
    mine = trained(in_precision(subject.example, "float64"), rules, seeds)
    for name, other in others.items():
        theirs = trained(other, rules, seeds)
        remedy = "Run both on one batch, and compare forward, gradient and update one by one."
        agree(mine.theta, theirs.theta, TOLERANCE, f"θ after 20 steps, here and on {name},", remedy)
        agree(mine.losses, theirs.losses, TOLERANCE, f"train/loss, here and on {name},", remedy)


@after(takes_a_batch_that_runs_share, steps_rules_as_they_are_written)
def compiles_what_the_loop_does(subject: Subject) -> None:
    """Where `compiled` gives a pass, an epoch of it is an epoch of the core's loop, to 1e-10."""
    backend = in_precision(subject.example, "float64")
    long, looped = _Asked(backend, LONG), _Asked(backend, None)
    rules, seeds = [Momentum(), Momentum(lr=0.02)], [0, 0]  # one compilation
    passed = trained(long, rules, seeds)
    if not long.compiles:
        raise Skip(f"for a run of {LONG} steps it compiles nothing: the core's loop runs them")
    by_the_loop = trained(looped, rules, seeds)
    remedy = (
        "Hold the pass against the loop in harness/training/loop.py, the smaller last batch too."
    )
    agree(passed.theta, by_the_loop.theta, TOLERANCE, "θ by the pass and by the loop", remedy)
    agree(
        passed.losses, by_the_loop.losses, TOLERANCE, "train/loss by pass and by the loop", remedy
    )


@after(takes_a_batch_that_runs_share, steps_rules_as_they_are_written)
def survives_a_fork(subject: Subject) -> None:
    """Where it says `forkable`, a forked process trains to the same bits as this one, in 20 seconds."""
    backend = in_precision(subject.example, "float64")
    if not backend.forkable or FORK is None:
        raise Skip("it is not forkable" if FORK else "nothing is forked on this system")
    here = trained(backend, [Momentum()], [0]).theta
    there, error = _in_a_fork(lambda: trained(backend, [Momentum()], [0]).theta)
    remedy = "Set forkable to False: stacks then train in threads."
    if there is None:
        raise Violation(f"In a forked process {error}.", remedy)
    same(there, here, "θ after 20 steps in a forked process and in this one", remedy)


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


RULES = (
    trains_in_a_stack_as_alone,
    trains_as_the_other_backends,
    compiles_what_the_loop_does,
    survives_a_fork,
)
