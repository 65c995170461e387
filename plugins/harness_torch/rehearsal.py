"""Takes a few steps with an optimizer of another library, to see before training whether it can.

What a class needs is written down nowhere; its own errors say it. Here they come before anything has
been trained and with the name of the class.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from harness import ConfigurationError

if TYPE_CHECKING:
    from harness import Backend
    from harness_torch.bridged import LibraryRule
    from harness_torch.libraries import Library

__all__ = ["try_steps"]

STEPS = 3
WEIGHTS, BIASES = ((4, 3), (2, 4)), ((4,), (2,))


def try_steps(rule: LibraryRule, backend: Backend, bias: bool) -> None:
    """Raises ConfigurationError where the class cannot train. bias: whether there are biases."""
    tried = rule.library, repr(rule), backend, bias
    if tried not in _reasons:
        _reasons[tried] = _reason(rule, backend, bias)
    if _reasons[tried] is not None:
        raise ConfigurationError(f"{rule.called} cannot be used here: {_reasons[tried]}.")


# A sweep asks for each of its runs
_reasons: dict[tuple[Library, str, Backend, bool], str | None] = {}


def _reason(rule: LibraryRule, backend: Backend, bias: bool) -> str | None:
    """Why it cannot train; None where nothing speaks against it."""
    try:
        return _tried(rule, backend, bias)
    except Exception as error:  # whatever a class raises is its answer
        said = str(error).strip().rstrip(".") or type(error).__name__
        if "closure" in said.lower():
            return (
                "it computes the loss anew within a step, by a closure, which harness cannot give"
            )
        advice = ""
        if bias and _reason(rule, backend, False) is None:
            advice = ". It can where there are no biases: network.bias=false"
        return f"it says: {said}{advice}"


def _tried(rule: LibraryRule, backend: Backend, bias: bool) -> str | None:
    from harness_torch.bridged import Instance

    shapes = [s for pair in zip(WEIGHTS, BIASES, strict=True) for s in pair if bias or len(s) == 2]
    size = sum(int(np.prod(shape)) for shape in shapes)
    rng = np.random.default_rng(0)
    theta = backend.to_device(rng.standard_normal(size))
    instance = Instance(rule, theta, shapes)
    if hasattr(instance.optimizer, "train") and hasattr(instance.optimizer, "eval"):
        return "it evaluates other parameters than it trains, by modes that harness does not have"
    if any("lr" not in group for group in instance.optimizer.param_groups):
        return "it has no learning rate, which a schedule would set"
    for _ in range(STEPS):
        instance.step(theta, backend.to_device(rng.standard_normal(size)), rule.rate)
    return None
