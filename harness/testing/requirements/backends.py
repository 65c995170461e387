"""Requirements for backends."""

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
    SteppedStack,
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
    """Its `check` finds nothing missing; where something is, its message is the reason of the skip."""
    try:
        subject.example.check()
    except (ConfigurationError, MissingDependencyError) as reason:
        raise Skip(str(reason)) from reason


@depends_on(runs_here)
def states_dtype_and_forkable(subject: Subject) -> None:
    """`forkable` is a bool, `dtype` is "float32" or "float64", and it accepts both."""
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
                "Accept both precisions: backends are compared in float64.",
            ) from error


@depends_on(states_dtype_and_forkable)
def copies_to_device_and_back(subject: Subject) -> None:
    """`to_device` and `to_host` copy: the numbers stay the same, floats in `dtype` and integers in
    their own, for arrays of any layout."""
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
        for description, array in cases.items():
            source = array if description == "a read-only array" else array.copy(order="K")
            on_device = backend.to_device(source)
            if source.flags.writeable:
                source[...] = 0
            returned = backend.to_host(on_device)
            if not isinstance(returned, np.ndarray) or returned.dtype != array.dtype:
                raise Violation(
                    f"From {description} in {array.dtype}, to_host(to_device(…)) makes "
                    f"{getattr(returned, 'dtype', type(returned).__name__)}.",
                    "Return NumPy arrays from to_host; convert only floats to dtype in to_device.",
                )
            assert_equal(
                returned,
                array,
                f"to_host(to_device(…)) and {description}",
                "Copy in to_device, for any strides.",
            )
            if returned.flags.writeable and returned.size:
                returned[...] = 1
                assert_equal(
                    backend.to_host(on_device),
                    array,
                    "What to_host returns after its first array was written into, and the source,",
                    "Copy in to_host.",
                )
    single = _backend(subject, "float32")
    if single.to_host(single.to_device(np.array([1.0, 2.0]))).dtype != np.float32:
        raise Violation(
            "to_device kept a float64 array as it is with dtype='float32'.",
            "Convert floats to dtype in to_device.",
        )


@depends_on(runs_here)
def gives_a_capacity(subject: Subject) -> None:
    """`capacity` is a whole number of 1 or more, for a tiny network and for one that is too large."""
    for network, batch in ((NETWORK, 1), (Mlp([4096, 4096]).sized(4096, 1000), 4096)):
        capacity = subject.example.capacity(network, batch)
        if isinstance(capacity, bool) or not isinstance(capacity, int) or capacity < 1:
            raise Violation(
                f"capacity is {capacity!r} for {network.size} parameters and batches of {batch}.",
                "Return max(1, …) as an int: one run must always be possible.",
            )


@depends_on(copies_to_device_and_back)
def computes_the_forward_pass(subject: Subject) -> None:
    """Outputs and hidden activations follow the definition, for every activation, for one run and for
    several, with batches of their own or a shared one; `gradient` returns the same."""
    backend = _backend(subject)
    for activation in ACTIVATIONS:
        bias = activation != "relu"  # one network has none
        network = Network((4, 5, 3, 2), activation, 0.1, bias)
        program = backend.bind(network, loss_with_decay(SquaredError(), RUNS))
        for shared in (False, True):
            theta, x = random_theta_and_features(network, RUNS, shared)
            expected = reference.forward(network, theta, x)
            arguments = backend.to_device(theta), backend.to_device(x)
            target = backend.to_device(np.zeros((*x.shape[:-1], 2)))
            for source, forward in (
                ("forward", program.forward(*arguments)),
                ("the forward pass of gradient", program.gradient(*arguments, target)[0]),
            ):
                layers = [backend.to_host(array) for array in (*forward.hidden, forward.output)]
                if len(layers) != len(expected):
                    raise Violation(
                        f"{source} returned {len(layers) - 1} hidden layers of {len(expected) - 1}.",
                        "Return Forward(output, hidden) with the activations of every hidden layer.",
                    )
                for number, (layer, definition) in enumerate(zip(layers, expected, strict=True), 1):
                    assert_close(
                        layer,
                        definition,
                        TOLERANCE,
                        f"Layer {number} of {source} and its definition ({activation}, "
                        f"{'shared' if shared else 'own'} batches, {RUNS} runs)",
                        "Compute H = σ(H Wᵀ + b), with the parameters from network.views(theta).",
                    )
        single = program.forward(backend.to_device(theta[:1]), backend.to_device(x)).output
        assert_close(
            backend.to_host(single),
            expected[-1][:1],
            TOLERANCE,
            "The output of one run from a program bound for three, and its definition",
            "Take the number of runs from θ: evaluation may pass any.",
        )


@depends_on(computes_the_forward_pass)
def has_the_gradient_of_its_objective(subject: Subject) -> None:
    """`gradient` is the derivative of all terms of the objective, within 1e-6 of central differences,
    for every activation and every installed loss."""
    backend = _backend(subject)
    for description, network, objective in objectives(subject.registry):
        theta, x = random_theta_and_features(network, RUNS, shared=False)
        y = targets(objective.loss.output_activation, (RUNS, BATCH, 3), np.random.default_rng(4))
        x, y = backend.to_device(x), backend.to_device(y)
        program = backend.bind(network, objective)
        on_device = objective.map_factors(backend.to_device)

        def total(
            at: np.ndarray,
            program: Any = program,
            objective: Any = on_device,
            x: Any = x,
            y: Any = y,
        ) -> np.ndarray:
            point = backend.to_device(at)
            terms = objective.terms(program.forward(point, x), y, point)
            return sum(backend.to_host(term) for term in terms.values())

        _, gradient = program.gradient(backend.to_device(theta), x, y)
        assert_close(
            backend.to_host(gradient),
            central_differences(total, theta),
            1e-6,
            f"gradient and the differences of the objective ({description})",
            "Differentiate every term: Objective.output_gradient, hidden_gradient, decay_gradient.",
        )


@depends_on(has_the_gradient_of_its_objective)
def accepts_a_batch_shared_by_runs(subject: Subject) -> None:
    """Features (B, F) and targets (B, K) give the same gradient as copies of them for each run."""
    backend, rng = _backend(subject), np.random.default_rng(6)
    program = backend.bind(NETWORK, loss_with_decay(SquaredError(), RUNS))
    theta, x = random_theta_and_features(NETWORK, RUNS, shared=True)
    shared = x, rng.normal(size=(BATCH, 2))
    repeated = [np.stack([array] * RUNS) for array in shared]
    of_shared, of_repeated = (
        backend.to_host(program.gradient(*map(backend.to_device, (theta, *batch)))[1])
        for batch in (shared, repeated)
    )
    assert_close(
        of_shared,
        of_repeated,
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
    snapshot.assert_unchanged("Write only into arrays of the program's own.")


@depends_on(computes_the_forward_pass)
def touches_no_global_generator(subject: Subject) -> None:
    """Binding, forward pass, gradient and update leave the global random generators alone."""
    backend = _backend(subject)
    train_stack(backend, [Momentum()], [0])  # its first call may import modules, which may draw
    assert_global_generators_untouched(
        lambda: train_stack(backend, [Momentum()], [0]),
        "Draw nothing: all random numbers are the core's, as θ and orders of the samples.",
    )


@depends_on(copies_to_device_and_back)
def steps_rules_as_they_are_written(subject: Subject) -> None:
    """The updater computes what the rule's `step` does, to 1e-10: for every scope, and for runs that
    differ in fields, rate and number of the step."""
    backend = _backend(subject)
    rates, first = np.array([[0.1], [0.05], [0.02]]), np.array([[1.0], [4.0], [30.0]])
    for rule in (Decaying, Normalised, Bounded):
        for instance in (rule(), stack_instances([rule(strength=s) for s in (0.3, 0.6, 0.9)])):
            expected, _ = steps_as_written(
                instance, initial_theta(RUNS), random_gradients(6, RUNS), rates, first
            )
            assert_close(
                SteppedStack(backend, instance, initial_theta(RUNS)).advance(
                    random_gradients(6, RUNS), first, rates
                ),
                expected,
                TOLERANCE,
                f"θ after 6 steps of a rule of scope {rule.scope.value}, and the rule as written,",
                "Apply rules with harness.update.apply, or compare your own code with it.",
            )


def _backend(subject: Subject, dtype: str = "float64") -> Any:
    return with_dtype(subject.example, dtype)


def _read_only(array: np.ndarray) -> np.ndarray:
    copy = array.copy()
    copy.flags.writeable = False
    return copy


REQUIREMENTS = (
    runs_here,
    states_dtype_and_forkable,
    copies_to_device_and_back,
    gives_a_capacity,
    computes_the_forward_pass,
    has_the_gradient_of_its_objective,
    accepts_a_batch_shared_by_runs,
    leaves_its_arguments_alone,
    touches_no_global_generator,
    steps_rules_as_they_are_written,
)
