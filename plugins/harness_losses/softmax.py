"""The softmax function and its logarithms, stable for logits of any size.

All subtract the largest logit of each sample first, so that no exponential overflows and at least
one is 1: the sum is neither infinite nor 0. They run at every training step, on small arrays. There
NumPy's reductions along a short last axis would take most of the time: hence the functions at the
end.
"""

from __future__ import annotations

from functools import cache

import numpy as np

from harness import Array, array_namespace


def softmax(logits: Array) -> Array:
    """p = exp(a) / Σ exp(a) over the last axis of logits, (..., B, K)."""
    e = array_namespace(logits).exp(logits - _largest(logits))
    return e / _total(e)


def log_softmax(logits: Array) -> Array:
    """log p = a − log Σ exp(a); finite also where p itself rounds to 0."""
    xp = array_namespace(logits)
    shifted = logits - _largest(logits)
    return shifted - xp.log(_total(xp.exp(shifted)))


def log_partition(logits: Array) -> Array:
    """log Z = log Σ exp(a), with the last axis kept: (..., B, 1)."""
    xp = array_namespace(logits)
    largest = _largest(logits)
    return largest + xp.log(_total(xp.exp(logits - largest)))


def _largest(x: Array) -> Array:
    """The maximum over the last axis, which is kept."""
    if isinstance(x, np.ndarray):  # over a copy that has the samples last: up to 5 times as fast
        return np.maximum.reduce(x.mT.copy(), axis=-2)[..., None]
    return array_namespace(x).max(x, axis=-1, keepdims=True)


def _total(x: Array) -> Array:
    """The sum over the last axis, which is kept."""
    if isinstance(x, np.ndarray):  # as a product with ones: up to 4 times as fast
        return (x @ _ones(x.shape[-1], x.dtype))[..., None]
    return array_namespace(x).sum(x, axis=-1, keepdims=True)


@cache  # making them anew takes as long as the product
def _ones(size: int, dtype: np.dtype) -> np.ndarray:
    ones = np.ones(size, dtype)
    ones.flags.writeable = False
    return ones
