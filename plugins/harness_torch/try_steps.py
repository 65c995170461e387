"""Takes a few steps with an optimizer of another library, to see before training whether it can train.

What a class needs is documented nowhere; only its own errors tell. Here they come before any training,
and with the name of the class.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from harness import ConfigurationError

if TYPE_CHECKING:
    from harness import Backend
    from harness_torch.libraries import Library
    from harness_torch.library_updater import LibraryRule

__all__ = ["try_steps"]

STEPS = 3
WEIGHTS, BIASES = ((4, 3), (2, 4)), ((4,), (2,))


def try_steps(rule: LibraryRule, backend: Backend, bias: bool) -> None:
    """Raises ConfigurationError where the class cannot train; `bias` tells whether there are biases."""
    key = rule.library, repr(rule), backend, bias
    if key not in _reasons:
        _reasons[key] = _reason(rule, backend, bias)
    if _reasons[key] is not None:
        raise ConfigurationError(f"{rule.class_name} cannot be used here: {_reasons[key]}.")


# Cached, since a sweep asks for each of its runs
_reasons: dict[tuple[Library, str, Backend, bool], str | None] = {}


def _reason(rule: LibraryRule, backend: Backend, bias: bool) -> str | None:
    """Why the class cannot train; None where it can."""
    try:
        return _take_steps(rule, backend, bias)
    except Exception as error:  # a class may raise anything
        message = str(error).strip().rstrip(".") or type(error).__name__
        if "closure" in message.lower():
            return (
                "it computes the loss anew within a step, by a closure, which harness cannot give"
            )
        advice = ""
        if bias and _reason(rule, backend, False) is None:
            advice = ". It can where there are no biases: network.bias=false"
        return f"it says: {message}{advice}"


def _take_steps(rule: LibraryRule, backend: Backend, bias: bool) -> str | None:
    from harness_torch.library_updater import RunOptimizer

    shapes = [s for pair in zip(WEIGHTS, BIASES, strict=True) for s in pair if bias or len(s) == 2]
    size = sum(int(np.prod(shape)) for shape in shapes)
    rng = np.random.default_rng(0)
    theta = backend.to_device(rng.standard_normal(size))
    run = RunOptimizer(rule, theta, shapes)
    if hasattr(run.optimizer, "train") and hasattr(run.optimizer, "eval"):
        return "it evaluates other parameters than it trains, by modes that harness does not have"
    if any("lr" not in group for group in run.optimizer.param_groups):
        return "it has no learning rate, which a schedule would set"
    for _ in range(STEPS):
        run.step(theta, backend.to_device(rng.standard_normal(size)), rule.rate)
    return None
