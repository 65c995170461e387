"""What is asked of a backend."""

from __future__ import annotations

from typing import Any

import numpy as np

from harness.errors import ConfigurationError, MissingDependencyError
from harness.model.mlp import Mlp
from harness.model.network import ACTIVATIONS, Network
from harness.testing.comparing import Unchanged, agree, differences, same
from harness.testing.fixtures import reference
from harness.testing.fixtures.objectives import BATCH, RUNS, numbers, objectives, plain
from harness.testing.fixtures.problem import SquaredError, trained
from harness.testing.fixtures.steps import NETWORK, Walk, gradients, start, walk
from harness.testing.fixtures.update_rules import Bounded, Decaying, Momentum, Normalised
from harness.testing.global_generators import leaves_global_generators_alone
from harness.testing.installed import TOLERANCE, in_precision
from harness.testing.ordering import after
from harness.testing.rules.terms import targets
from harness.testing.subject import Subject, with_rows
from harness.testing.verdicts import Skip, Violation

__all__ = ["RULES"]


def runs_here(subject: Subject) -> None:
    """Its `check` finds nothing missing; where it does, the rules are skipped with its own words."""
    try:
        subject.example.check()
    except (ConfigurationError, MissingDependencyError) as reason:
        raise Skip(str(reason)) from reason


@after(runs_here)
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
            in_precision(example, dtype)
        except ConfigurationError as error:
            raise Violation(
                f"dtype={dtype!r} was refused: {error}",
                "Let both precisions be chosen: comparisons of backends are made in float64.",
            ) from error


@after(says_how_it_computes)
def places_and_fetches_copies(subject: Subject) -> None:
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
            same(
                found,
                array,
                f"to_host(to_device(…)) and {what}",
                "Copy in to_device, whatever the strides.",
            )
            if found.flags.writeable and found.size:
                found[...] = 1
                same(
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


@after(runs_here)
def gives_a_capacity(subject: Subject) -> None:
    """`capacity` is a whole number of 1 or more, for a tiny network and for one too large."""
    for network, batch in ((NETWORK, 1), (Mlp([4096, 4096]).sized(4096, 1000), 4096)):
        found = subject.example.capacity(network, batch)
        if isinstance(found, bool) or not isinstance(found, int) or found < 1:
            raise Violation(
                f"capacity is {found!r} for {network.size} parameters and batches of {batch}.",
                "Return max(1, …) as an int: a run alone is always possible.",
            )


@after(places_and_fetches_copies)
def computes_the_forward_pass(subject: Subject) -> None:
    """Outputs and hidden activations are those of the definition, for every activation, for one run
    and several, for own and shared batches; `gradient` returns the same ones."""
    backend = _backend(subject)
    for activation in ACTIVATIONS:
        bias = activation != "relu"  # once without
        network = Network((4, 5, 3, 2), activation, 0.1, bias)
        program = backend.bind(network, plain(SquaredError(), RUNS))
        for runs, shared in ((RUNS, False), (RUNS, True)):
            theta, x = numbers(network, runs, shared)
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
                    agree(
                        mine,
                        theirs,
                        TOLERANCE,
                        f"Layer {layer} of {what} and its definition ({activation}, "
                        f"{'shared' if shared else 'own'} batches, {runs} runs)",
                        "H = σ(H Wᵀ + b), with the parameters where network.parameters has them.",
                    )
        one = program.forward(backend.to_device(theta[:1]), backend.to_device(x)).output
        agree(
            backend.to_host(one),
            expected[-1][:1],
            TOLERANCE,
            "The output of one run, by a program bound for three, and its definition",
            "Take the number of runs from θ: evaluation asks for any.",
        )


@after(computes_the_forward_pass)
def has_the_gradient_of_its_objective(subject: Subject) -> None:
    """`gradient` is the derivative of all terms of the objective, held against central differences to
    1e-6: for every activation and every installed loss."""
    backend = _backend(subject)
    for what, network, objective in objectives(subject.registry):
        theta, x = numbers(network, RUNS, shared=False)
        y = targets(objective.loss.output_activation, (RUNS, BATCH, 3), np.random.default_rng(4))
        x, y = backend.to_device(x), backend.to_device(y)
        program, placed = backend.bind(network, objective), objective.map_factors(backend.to_device)

        def total(
            at: np.ndarray, program: Any = program, placed: Any = placed, x: Any = x, y: Any = y
        ) -> np.ndarray:
            there = backend.to_device(at)
            terms = placed.terms(program.forward(there, x), y, there)
            return sum(backend.to_host(term) for term in terms.values())

        _, found = program.gradient(backend.to_device(theta), x, y)
        agree(
            backend.to_host(found),
            differences(total, theta),
            1e-6,
            f"gradient and the differences of the objective ({what})",
            "Differentiate every term: Objective.output_gradient, hidden_gradient, decay_gradient.",
        )


@after(has_the_gradient_of_its_objective)
def takes_a_batch_that_runs_share(subject: Subject) -> None:
    """Features (B, F) and targets (B, K) have the gradient that they have repeated for each run."""
    backend, rng = _backend(subject), np.random.default_rng(6)
    program = backend.bind(NETWORK, plain(SquaredError(), RUNS))
    theta, x = numbers(NETWORK, RUNS, shared=True)
    shared = x, rng.normal(size=(BATCH, 2))
    each = [np.stack([array] * RUNS) for array in shared]
    one, other = (
        backend.to_host(program.gradient(*map(backend.to_device, (theta, *batch)))[1])
        for batch in (shared, each)
    )
    agree(
        one,
        other,
        TOLERANCE,
        "The gradients of a shared and of a repeated batch",
        "Let the batch broadcast over the runs, and sum over its axis for each run.",
    )


@after(computes_the_forward_pass)
def leaves_its_arguments_alone(subject: Subject) -> None:
    """Neither `forward` nor `gradient` writes into θ, the features or the targets."""
    backend = _backend(subject)
    theta, x = map(backend.to_device, numbers(NETWORK, RUNS, shared=False))
    y = backend.to_device(np.zeros((RUNS, BATCH, 2)))
    program = backend.bind(NETWORK, plain(SquaredError(), RUNS))
    before = Unchanged(backend.to_host, θ=theta, features=x, targets=y)
    program.forward(theta, x)
    program.gradient(theta, x, y)
    before.check("Write into arrays of the program's own.")


@after(computes_the_forward_pass)
def touches_no_global_generator(subject: Subject) -> None:
    """Binding, forward pass, gradient and update draw from no generator of the process."""
    backend = _backend(subject)
    trained(backend, [Momentum()], [0])  # what it imports on the way may do as it likes
    leaves_global_generators_alone(
        lambda: trained(backend, [Momentum()], [0]),
        "All randomness is the core's: it comes as θ, orders and rates.",
    )


@after(places_and_fetches_copies)
def steps_rules_as_they_are_written(subject: Subject) -> None:
    """The updater does what the rule says, to 1e-10: for every scope, and for runs that differ in
    fields, rate and number of the step."""
    backend = _backend(subject)
    rates, first = np.array([[0.1], [0.05], [0.02]]), np.array([[1.0], [4.0], [30.0]])
    for rule in (Decaying, Normalised, Bounded):
        for merged in (rule(), with_rows([rule(strength=s) for s in (0.3, 0.6, 0.9)])):
            expected, _ = walk(merged, start(RUNS), gradients(6, RUNS), rates, first)
            agree(
                Walk(backend, merged, start(RUNS)).go(gradients(6, RUNS), first, rates),
                expected,
                TOLERANCE,
                f"θ after 6 steps of a rule of scope {rule.scope.value}, and the rule as written",
                "Apply rules with harness.update.apply, or hold your own way against it.",
            )


def _backend(subject: Subject, dtype: str = "float64") -> Any:
    return in_precision(subject.example, dtype)


def _read_only(array: np.ndarray) -> np.ndarray:
    copy = array.copy()
    copy.flags.writeable = False
    return copy


RULES = (
    runs_here,
    says_how_it_computes,
    places_and_fetches_copies,
    gives_a_capacity,
    computes_the_forward_pass,
    has_the_gradient_of_its_objective,
    takes_a_batch_that_runs_share,
    leaves_its_arguments_alone,
    touches_no_global_generator,
    steps_rules_as_they_are_written,
)
