"""What is asked of a backend."""

from __future__ import annotations

from typing import Any

import numpy as np

from harness.errors import ConfigurationError, MissingDependencyError
from harness.model.mlp import Mlp
from harness.model.network import ACTIVATIONS, Network
from harness.testing.assertions import Snapshot, assert_close, assert_equal, central_differences
from harness.testing.check_results import Skip, Violation
from harness.testing.dependencies import depends_on
from harness.testing.fixtures import reference
from harness.testing.fixtures.objectives import (
    BATCH,
    RUNS,
    loss_with_decay,
    objectives,
    random_theta_and_features,
)
from harness.testing.fixtures.problem import SquaredError, train_stack
from harness.testing.fixtures.steps import (
    NETWORK,
    UpdaterSteps,
    initial_theta,
    random_gradients,
    steps_as_written,
)
from harness.testing.fixtures.update_rules import Bounded, Decaying, Momentum, Normalised
from harness.testing.global_generators import assert_global_generators_untouched
from harness.testing.installed_backends import TOLERANCE, with_dtype
from harness.testing.requirements.loss_terms import targets
from harness.testing.subject import Subject, stack_instances

__all__ = ["REQUIREMENTS"]


def runs_here(subject: Subject) -> None:
    """Its `check` finds nothing missing; where it does, the rules are skipped with its own words."""
    try:
        subject.example.check()
    except (ConfigurationError, MissingDependencyError) as reason:
        raise Skip(str(reason)) from reason


@depends_on(runs_here)
def says_how_it_computes(subject: Subject) -> None:
    """`forkable` is a bool, `dtype` is "float32" or "float64", and it can be made for both."""
    example = subject.example
    if not isinstance(example.forkable, bool) or example.dtype not in ("float32", "float64"):
        raise Violation(
            f"forkable is {example.forkable!r}, dtype is {example.dtype!r}.",
            "Set forkable: ClassVar[bool], and a field dtype of 'float32' or 'float64'.",
        )
    for dtype in ("float32", "float64"):
        try:
            with_dtype(example, dtype)
        except ConfigurationError as error:
            raise Violation(
                f"dtype={dtype!r} was refused: {error}",
                "Let both precisions be chosen: comparisons of backends are made in float64.",
            ) from error


@depends_on(says_how_it_computes)
def copies_to_device_and_back(subject: Subject) -> None:
    """What is placed and fetched is a copy with the same numbers: floats in `dtype`, integers as they
    are, from arrays of any layout."""
    for dtype in ("float32", "float64"):
        backend = _backend(subject, dtype)
        floats = np.random.default_rng(3).normal(size=(6, 4)).astype(dtype)
        cases = {
            "floats": floats,
            "a transposed array": floats.T,
            "every other row": floats[::2],
            "a read-only array": _read_only(floats),
            "integers": np.arange(5),
            "no rows": floats[:0],
        }
        for what, array in cases.items():
            source = array if what == "a read-only array" else array.copy(order="K")
            placed = backend.to_device(source)
            if source.flags.writeable:
                source[...] = 0
            found = backend.to_host(placed)
            if not isinstance(found, np.ndarray) or found.dtype != array.dtype:
                raise Violation(
                    f"Of {what} in {array.dtype}, to_host(to_device(…)) is "
                    f"{getattr(found, 'dtype', type(found).__name__)}.",
                    "Return NumPy arrays from to_host; let to_device turn floats alone into dtype.",
                )
            assert_equal(
                found,
                array,
                f"to_host(to_device(…)) and {what}",
                "Copy in to_device, whatever the strides.",
            )
            if found.flags.writeable and found.size:
                found[...] = 1
                assert_equal(
                    backend.to_host(placed),
                    array,
                    "What is fetched twice, written into in between,",
                    "Copy in to_host.",
                )
    wide = _backend(subject, "float32").to_device(np.array([1.0, 2.0]))
    if _backend(subject, "float32").to_host(wide).dtype != np.float32:
        raise Violation(
            "A float64 array was placed as it is with dtype='float32'.", "Let place cast floats."
        )


@depends_on(runs_here)
def gives_a_capacity(subject: Subject) -> None:
    """`capacity` is a whole number of 1 or more, for a tiny network and for one too large."""
    for network, batch in ((NETWORK, 1), (Mlp([4096, 4096]).sized(4096, 1000), 4096)):
        found = subject.example.capacity(network, batch)
        if isinstance(found, bool) or not isinstance(found, int) or found < 1:
            raise Violation(
                f"capacity is {found!r} for {network.size} parameters and batches of {batch}.",
                "Return max(1, …) as an int: a run alone is always possible.",
            )


@depends_on(copies_to_device_and_back)
def computes_the_forward_pass(subject: Subject) -> None:
    """Outputs and hidden activations are those of the definition, for every activation, for one run
    and several, for own and shared batches; `gradient` returns the same ones."""
    backend = _backend(subject)
    for activation in ACTIVATIONS:
        bias = activation != "relu"  # once without
        network = Network((4, 5, 3, 2), activation, 0.1, bias)
        program = backend.bind(network, loss_with_decay(SquaredError(), RUNS))
        for runs, shared in ((RUNS, False), (RUNS, True)):
            theta, x = random_theta_and_features(network, runs, shared)
            expected = reference.forward(network, theta, x)
            placed = backend.to_device(theta), backend.to_device(x)
            target = backend.to_device(np.zeros((*x.shape[:-1], 2)))
            for what, found in (
                ("forward", program.forward(*placed)),
                ("the forward pass of gradient", program.gradient(*placed, target)[0]),
            ):
                layers = [backend.to_host(array) for array in (*found.hidden, found.output)]
                if len(layers) != len(expected):
                    raise Violation(
                        f"{what} kept {len(layers) - 1} hidden layers of {len(expected) - 1}.",
                        "Return Forward(output, hidden) with the activations of every hidden layer.",
                    )
                for layer, (mine, theirs) in enumerate(zip(layers, expected, strict=True), 1):
                    assert_close(
                        mine,
                        theirs,
                        TOLERANCE,
                        f"Layer {layer} of {what} and its definition ({activation}, "
                        f"{'shared' if shared else 'own'} batches, {runs} runs)",
                        "H = σ(H Wᵀ + b), with the parameters where network.parameters has them.",
                    )
        one = program.forward(backend.to_device(theta[:1]), backend.to_device(x)).output
        assert_close(
            backend.to_host(one),
            expected[-1][:1],
            TOLERANCE,
            "The output of one run, by a program bound for three, and its definition",
            "Take the number of runs from θ: evaluation asks for any.",
        )


@depends_on(computes_the_forward_pass)
def has_the_gradient_of_its_objective(subject: Subject) -> None:
    """`gradient` is the derivative of all terms of the objective, held against central differences to
    1e-6: for every activation and every installed loss."""
    backend = _backend(subject)
    for what, network, objective in objectives(subject.registry):
        theta, x = random_theta_and_features(network, RUNS, shared=False)
        y = targets(objective.loss.output_activation, (RUNS, BATCH, 3), np.random.default_rng(4))
        x, y = backend.to_device(x), backend.to_device(y)
        program, placed = backend.bind(network, objective), objective.map_factors(backend.to_device)

        def total(
            at: np.ndarray, program: Any = program, placed: Any = placed, x: Any = x, y: Any = y
        ) -> np.ndarray:
            there = backend.to_device(at)
            loss_terms = placed.terms(program.forward(there, x), y, there)
            return sum(backend.to_host(term) for term in loss_terms.values())

        _, found = program.gradient(backend.to_device(theta), x, y)
        assert_close(
            backend.to_host(found),
            central_differences(total, theta),
            1e-6,
            f"gradient and the differences of the objective ({what})",
            "Differentiate every term: Objective.output_gradient, hidden_gradient, decay_gradient.",
        )


@depends_on(has_the_gradient_of_its_objective)
def takes_a_batch_that_runs_share(subject: Subject) -> None:
    """Features (B, F) and targets (B, K) have the gradient that they have repeated for each run."""
    backend, rng = _backend(subject), np.random.default_rng(6)
    program = backend.bind(NETWORK, loss_with_decay(SquaredError(), RUNS))
    theta, x = random_theta_and_features(NETWORK, RUNS, shared=True)
    shared = x, rng.normal(size=(BATCH, 2))
    each = [np.stack([array] * RUNS) for array in shared]
    one, other = (
        backend.to_host(program.gradient(*map(backend.to_device, (theta, *batch)))[1])
        for batch in (shared, each)
    )
    assert_close(
        one,
        other,
        TOLERANCE,
        "The gradients of a shared and of a repeated batch",
        "Let the batch broadcast over the runs, and sum over its axis for each run.",
    )


@depends_on(computes_the_forward_pass)
def leaves_its_arguments_alone(subject: Subject) -> None:
    """Neither `forward` nor `gradient` writes into θ, the features or the targets."""
    backend = _backend(subject)
    theta, x = map(backend.to_device, random_theta_and_features(NETWORK, RUNS, shared=False))
    y = backend.to_device(np.zeros((RUNS, BATCH, 2)))
    program = backend.bind(NETWORK, loss_with_decay(SquaredError(), RUNS))
    snapshot = Snapshot(backend.to_host, θ=theta, features=x, targets=y)
    program.forward(theta, x)
    program.gradient(theta, x, y)
    snapshot.assert_unchanged("Write into arrays of the program's own.")


@depends_on(computes_the_forward_pass)
def touches_no_global_generator(subject: Subject) -> None:
    """Binding, forward pass, gradient and update draw from no generator of the process."""
    backend = _backend(subject)
    train_stack(backend, [Momentum()], [0])  # what it imports on the way may do as it likes
    assert_global_generators_untouched(
        lambda: train_stack(backend, [Momentum()], [0]),
        "All randomness is the core's: it comes as θ, orders and rates.",
    )


@depends_on(copies_to_device_and_back)
def steps_rules_as_they_are_written(subject: Subject) -> None:
    """The updater does what the rule says, to 1e-10: for every scope, and for runs that differ in
    fields, rate and number of the step."""
    backend = _backend(subject)
    rates, first = np.array([[0.1], [0.05], [0.02]]), np.array([[1.0], [4.0], [30.0]])
    for rule in (Decaying, Normalised, Bounded):
        for merged in (rule(), stack_instances([rule(strength=s) for s in (0.3, 0.6, 0.9)])):
            expected, _ = steps_as_written(
                merged, initial_theta(RUNS), random_gradients(6, RUNS), rates, first
            )
            assert_close(
                UpdaterSteps(backend, merged, initial_theta(RUNS)).go(
                    random_gradients(6, RUNS), first, rates
                ),
                expected,
                TOLERANCE,
                f"θ after 6 steps of a rule of scope {rule.scope.value}, and the rule as written",
                "Apply rules with harness.update.apply, or hold your own way against it.",
            )


def _backend(subject: Subject, dtype: str = "float64") -> Any:
    return with_dtype(subject.example, dtype)


def _read_only(array: np.ndarray) -> np.ndarray:
    copy = array.copy()
    copy.flags.writeable = False
    return copy


REQUIREMENTS = (
    runs_here,
    says_how_it_computes,
    copies_to_device_and_back,
    gives_a_capacity,
    computes_the_forward_pass,
    has_the_gradient_of_its_objective,
    takes_a_batch_that_runs_share,
    leaves_its_arguments_alone,
    touches_no_global_generator,
    steps_rules_as_they_are_written,
)
