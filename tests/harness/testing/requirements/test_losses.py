"""Losses that break one requirement each, and no other."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
import pytest

from harness import Task, array_namespace


@dataclass(frozen=True)
class Sound:
    """1/BK Σ (f(x) − y)²."""

    tasks: ClassVar[frozenset[Task]] = frozenset({Task.REGRESSION})
    default_for: ClassVar[frozenset[Task]] = frozenset()
    output_activation: ClassVar[str] = "identity"

    def value(self, output, target):
        error = output - target
        return array_namespace(output).mean(error * error, axis=(-2, -1))

    def gradient(self, output, target):
        return (output - target) * (2 / (output.shape[-2] * output.shape[-1]))


class WrongHead(Sound):
    """States a task that does not suit its output activation."""

    tasks = frozenset({Task.MULTICLASS})


class DefaultForAnotherTask(Sound):
    """Is the default for a task that is not among its own."""

    default_for = frozenset({Task.BINARY})


class SumsRuns(Sound):
    """Returns one number for all runs."""

    def value(self, output, target):
        return array_namespace(output).sum(super().value(output, target))


class WidensTheGradient(Sound):
    """Returns a gradient in double precision."""

    def gradient(self, output, target):
        xp = array_namespace(output)
        return super().gradient(output, target) * xp.asarray(1.0, dtype=xp.float64)


class ForgetsTheBatch(Sound):
    """Its gradient lacks the 1/B."""

    def gradient(self, output, target):
        return super().gradient(output, target) * output.shape[-2]


class ForgetsTheTwo(Sound):
    """Its gradient is that of ½e²."""

    def gradient(self, output, target):
        return super().gradient(output, target) / 2


class WrongNearZero(Sound):
    """Clips its gradient."""

    def gradient(self, output, target):
        return array_namespace(output).clip(super().gradient(output, target), -0.1, 0.1)


class SumsTheBatch(Sound):
    """Is a sum over the batch, and so is its gradient."""

    def value(self, output, target):
        return super().value(output, target) * output.shape[-2]

    def gradient(self, output, target):
        return super().gradient(output, target) * output.shape[-2]


class ScalesByAllRuns(Sound):
    """Its rounding depends on the largest error of all runs."""

    def value(self, output, target):
        xp = array_namespace(output)
        largest = xp.max(xp.abs(output - target))
        error = (output - target) / largest
        return xp.mean(error * error, axis=(-2, -1)) * largest * largest


class WritesIntoTheTarget(Sound):
    """Computes the error in place."""

    def gradient(self, output, target):
        target -= output
        return target * (-2 / (output.shape[-2] * output.shape[-1]))


class SeedsNumpy(Sound):
    """Seeds the generator of the process."""

    def value(self, output, target):
        np.random.seed(2)  # noqa: NPY002
        return super().value(output, target)


class AsksForTheLibrary(Sound):
    """Differs on PyTorch."""

    def value(self, output, target):
        factor = 1 if isinstance(output, np.ndarray) else 1.01
        return factor * super().value(output, target)


class ExpectsOwnTargets(Sound):
    """Assumes that the target has an axis of runs."""

    def value(self, output, target):
        return super().value(output, target[: len(output)])


class Overflows(Sound):
    """Cross-entropy by its definition, with the logarithm of a softmax."""

    tasks = frozenset({Task.MULTICLASS})
    output_activation = "softmax"

    def value(self, output, target):
        p = np.exp(output) / np.exp(output).sum(-1, keepdims=True)
        return -(target * np.log(p)).sum(-1).mean(-1)

    def gradient(self, output, target):
        p = np.exp(output) / np.exp(output).sum(-1, keepdims=True)
        return (p - target) / output.shape[-2]


def test_what_they_are_made_from_is_sound(assert_sound):
    assert_sound("loss", Sound)


@pytest.mark.parametrize(
    ("component", "requirement", "found"),
    [
        (WrongHead, "fits_its_tasks", "'identity', and multiclass needs softmax"),
        (DefaultForAnotherTask, "fits_its_tasks", "tasks is regression, default_for is binary"),
        (SumsRuns, "keeps_shape_and_dtype", r"value returned \(\) of float64; \(3,\) of float64"),
        (WidensTheGradient, "keeps_shape_and_dtype", "of float32, gradient returned .* of float64"),
        (
            ForgetsTheBatch,
            "has_the_gradient_of_its_value",
            "differ by 4 relative .* 1e-06 is allowed",
        ),
        (ForgetsTheTwo, "has_the_gradient_of_its_value", r"differ by 0\.5 relative"),
        (WrongNearZero, "has_the_gradient_of_its_value", r"0\.1 against"),
        (SumsTheBatch, "is_a_mean_over_the_batch", r"of 5 samples.* differ by 4 relative"),
        (ScalesByAllRuns, "reads_each_run_alone", "every bit must be equal"),
        (WritesIntoTheTarget, "leaves_its_arguments_alone", r"targets was changed, by up to \d"),
        (SeedsNumpy, "touches_no_global_generator", "np.random has changed"),
        (ExpectsOwnTargets, "accepts_a_target_shared_by_runs", "ValueError|differ"),
        (
            Overflows,
            "stays_finite_for_large_outputs",
            r"\d+ of \d+ numbers of value .* ±1e4 in float64",
        ),
    ],
    ids=lambda part: getattr(part, "__name__", None),
)
def test_a_faulty_loss_is_caught_by_its_requirement(assert_breaks, component, requirement, found):
    assert_breaks("loss", component, requirement, found)


def test_a_missing_batch_mean_is_named_with_its_numbers(assert_breaks):
    rule = "has_the_gradient_of_its_value"
    result = assert_breaks("loss", ForgetsTheBatch, rule, "differ by 4")
    assert "It is 5 times the derivative everywhere (B = 5, K = 4)" in result.remedy


def test_a_loss_that_differs_on_another_backend_is_caught(assert_breaks, first_party):
    pytest.importorskip("torch", reason="PyTorch is not installed")
    rule = "computes_alike_on_every_backend"
    assert_breaks(
        "loss", AsksForTheLibrary, rule, r"on torch .* differ by 0\.01", installed=first_party
    )
