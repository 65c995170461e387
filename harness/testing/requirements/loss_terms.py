"""Requirements for main and auxiliary losses alike: both are terms of an objective.

A term reads one array (R, B, K), the outputs or hidden activations; a main loss also reads targets.
`LossExample` makes both of them functions of that array.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

from harness.contracts import array_namespace
from harness.testing.assertions import Snapshot, assert_close, assert_equal, central_differences
from harness.testing.check_results import Violation
from harness.testing.dependencies import depends_on
from harness.testing.global_generators import assert_global_generators_untouched
from harness.testing.installed_backends import TOLERANCE, runnable_backends
from harness.testing.subject import Subject

__all__ = ["REQUIREMENTS", "LossExample", "targets"]

SHAPES = ((3, 5, 4), (2, 1, 3), (4, 7, 1), (5, 33, 10), (3, 64, 17))


@dataclass(frozen=True)
class LossExample:
    """A loss with the arrays that it reads.

    Attributes:
        loss: Main or auxiliary loss.
        output: Outputs or hidden activations, (R, B, K).
        targets: The target of a main loss, (R, B, K) or (B, K); empty for an auxiliary loss.
    """

    loss: Any
    output: np.ndarray
    targets: tuple[np.ndarray, ...]

    @classmethod
    def of(
        cls, loss: Any, shape: tuple[int, ...], dtype: str = "float64", scale: float = 1.5
    ) -> LossExample:
        """Random outputs, and targets that suit the loss."""
        rng = np.random.default_rng(shape)
        output = (scale * rng.normal(size=shape)).astype(dtype)
        activation = getattr(loss, "output_activation", None)
        return cls(loss, output, (targets(activation, shape, rng, dtype),) if activation else ())

    def value(self, output: Any = None) -> Any:
        """ℒ of this output, or of another one with the same targets, (R,). The loss gets copies."""
        return self.loss.value(*_copies(self.output if output is None else output, *self.targets))

    def gradient(self) -> Any:
        """∂ℒ/∂output, (R, B, K)."""
        return self.loss.gradient(*_copies(self.output, *self.targets))

    def part(self, runs: Any = slice(None), samples: Any = slice(None)) -> LossExample:
        """The example with some of the runs and samples, copied."""
        output, *rest = (a[runs, samples].copy() for a in (self.output, *self.targets))
        return LossExample(self.loss, output, tuple(rest))


def targets(
    activation: str, shape: tuple[int, ...], rng: np.random.Generator, dtype: str = "float64"
) -> np.ndarray:
    """Random targets: one-hot for softmax, 0 and 1 for sigmoid, normal for identity."""
    if activation == "softmax":
        return np.eye(shape[-1], dtype=dtype)[rng.integers(0, shape[-1], shape[:-1])]
    if activation == "sigmoid":
        return rng.integers(0, 2, shape).astype(dtype)
    return rng.normal(size=shape).astype(dtype)


def keeps_shape_and_dtype(subject: Subject) -> None:
    """`value` is (R,) and `gradient` shaped like the outputs, both in the dtype of the outputs."""
    for term, dtype in ((t, d) for d in ("float64", "float32") for t in _terms(subject, d)):
        runs = term.output.shape[:1]
        for method, returned, shape in (
            ("value", term.value(), runs),
            ("gradient", term.gradient(), term.output.shape),
        ):
            if np.shape(returned) != shape or getattr(returned, "dtype", None) != np.dtype(dtype):
                raise Violation(
                    f"For outputs {term.output.shape} of {dtype}, {method} returned "
                    f"{np.shape(returned)} of {getattr(returned, 'dtype', type(returned).__name__)}; "
                    f"{shape} of {dtype} was expected.",
                    "Reduce over the axes (-2, -1) for value; use no constants but Python numbers.",
                )


@depends_on(keeps_shape_and_dtype)
def has_the_gradient_of_its_value(subject: Subject) -> None:
    """`gradient` is the derivative of `value`, within 1e-6 of central differences."""
    for term in _terms(subject, shapes=SHAPES[:3]):
        expected = central_differences(term.value, term.output)
        gradient = term.gradient()
        runs, batch, width = term.output.shape
        large = np.abs(expected) > 0.01 * np.abs(expected).max()
        ratio = gradient[large] / expected[large]
        hint = ""
        if ratio.size and np.ptp(ratio) < 1e-3 * abs(ratio[0]):
            hint = (
                f" It is {ratio[0]:.4g} times the derivative everywhere (B = {batch}, K = {width})."
            )
        assert_close(
            gradient,
            expected,
            1e-6,
            f"gradient and the differences of value, for outputs ({runs}, {batch}, {width}),",
            f"Differentiate value again, with the 1/B of the mean over the batch.{hint}",
        )


@depends_on(keeps_shape_and_dtype)
def is_a_mean_over_the_batch(subject: Subject) -> None:
    """The value of a batch is the mean over the values of its samples, to 1e-12."""
    for term in _terms(subject):
        values = [term.part(samples=[b]).value() for b in range(term.output.shape[1])]
        assert_close(
            term.value(),
            np.mean(values, axis=0),
            1e-12,
            f"The value of {term.output.shape[1]} samples, and the mean of their own values,",
            "Divide the sum over the batch by B: training adds batches up as means.",
        )


@depends_on(keeps_shape_and_dtype)
def reads_each_run_alone(subject: Subject) -> None:
    """A run has the same value and gradient in a stack as alone, to the last bit."""
    remedy = "Reduce over the last two axes only; axis 0 is the runs, which must stay apart."
    for term in (t for d in ("float64", "float32") for t in _terms(subject, d)):
        value, gradient = term.value(), term.gradient()
        for r in range(len(term.output)):
            alone = term.part(runs=[r])
            what = f"of run {r} of {term.output.shape} in a stack and alone"
            assert_equal(value[[r]], alone.value(), f"The values {what}", remedy)
            assert_equal(gradient[[r]], alone.gradient(), f"The gradients {what}", remedy)


@depends_on(keeps_shape_and_dtype)
def leaves_its_arguments_alone(subject: Subject) -> None:
    """`value` and `gradient` do not write into their arguments."""
    for term in _terms(subject, shapes=SHAPES[:1]):
        names = ("outputs", "targets")[: 1 + len(term.targets)]
        arrays = dict(zip(names, (term.output, *term.targets), strict=True))
        snapshot = Snapshot(np.asarray, **arrays)
        for method in (term.loss.value, term.loss.gradient):
            method(*arrays.values())
            snapshot.assert_unchanged(
                f"Compute new arrays in {method.__name__}: no -=, *= or out= on an argument."
            )


@depends_on(keeps_shape_and_dtype)
def touches_no_global_generator(subject: Subject) -> None:
    """It leaves the global random generators alone."""
    term = LossExample.of(subject.example, SHAPES[0])
    assert_global_generators_untouched(
        lambda: (term.value(), term.gradient()),
        "Draw nothing: a loss is a function of its arguments.",
    )


@depends_on(keeps_shape_and_dtype)
def computes_alike_on_every_backend(subject: Subject) -> None:
    """Value and gradient are the same for arrays of every backend, to 1e-10 in float64."""
    remedy = "Use only arithmetic and the functions of array_namespace(output)."
    for name, backend in runnable_backends(subject.registry).items():
        for term in _terms(subject):
            on_device = LossExample(
                term.loss,
                backend.to_device(term.output),
                tuple(map(backend.to_device, term.targets)),
            )
            for method in ("value", "gradient"):
                assert_close(
                    backend.to_host(getattr(on_device, method)()),
                    getattr(term, method)(),
                    TOLERANCE,
                    f"The {method} on {name} and on NumPy arrays",
                    remedy,
                )


def _copies(*arrays: Any) -> list[Any]:
    return [array_namespace(array).asarray(array, copy=True) for array in arrays]


def _terms(
    subject: Subject, dtype: str = "float64", shapes: tuple[tuple[int, ...], ...] = SHAPES
) -> Iterator[LossExample]:
    for loss in subject.variants():
        yield from (LossExample.of(loss, shape, dtype) for shape in shapes)


REQUIREMENTS = (
    keeps_shape_and_dtype,
    has_the_gradient_of_its_value,
    is_a_mean_over_the_batch,
    reads_each_run_alone,
    leaves_its_arguments_alone,
    touches_no_global_generator,
    computes_alike_on_every_backend,
)
