"""The softmax function and its logarithm, stable for logits of any size.

Both subtract the largest logit of each sample first, so that no exponential overflows and at least
one is 1: the sum is neither infinite nor 0.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from harness import Array, array_namespace


def softmax(logits: Array) -> Array:
    """p = exp(a) / Σ exp(a) over the last axis; the shape and dtype of `logits`, (..., K)."""
    xp, largest, total = _functions(logits)
    e = xp.exp(logits - largest(logits, axis=-1, keepdims=True))
    return e / total(e, axis=-1, keepdims=True)


def log_softmax(logits: Array) -> Array:
    """log p = a − log Σ exp(a); finite where p is too small for its dtype and rounds to 0."""
    xp, largest, total = _functions(logits)
    shifted = logits - largest(logits, axis=-1, keepdims=True)
    return shifted - xp.log(total(xp.exp(shifted), axis=-1, keepdims=True))


def log_partition(logits: Array) -> Array:
    """log Z = log Σ exp(a) over the last axis, kept as an axis of length 1: (..., 1)."""
    xp, largest, total = _functions(logits)
    top = largest(logits, axis=-1, keepdims=True)
    return top + xp.log(total(xp.exp(logits - top), axis=-1, keepdims=True))


def _functions(x: Array) -> tuple[Any, Callable[..., Array], Callable[..., Array]]:
    """The namespace of `x`, its maximum and its sum.

    For NumPy without the wrappers `np.max` and `np.sum`: at (1, 32, 10) they are a quarter of the
    time of the softmax, which is computed at every training step.
    """
    if isinstance(x, np.ndarray):
        return np, np.maximum.reduce, np.add.reduce
    xp = array_namespace(x)
    return xp, xp.max, xp.sum
