"""p-values of several tests, adjusted so that all of them can be read together.

    p̃_(i) = max_{j ≤ i} min(1, (m − j + 1) p_(j)),   p_(1) ≤ … ≤ p_(m)

Rejecting where p̃ ≤ α makes one false rejection or more with probability α at most, however the tests
depend on each other.

Source: Holm, A Simple Sequentially Rejective Multiple Test Procedure, Scandinavian Journal of
Statistics 1979; in the form of adjusted p-values, Wright, Adjusted P-Values for Simultaneous
Inference, Biometrics 1992.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

__all__ = ["LEVEL", "holm"]

LEVEL = 0.05  # α: below it a difference is significant


def holm(p: Sequence[float] | np.ndarray) -> np.ndarray:
    """The adjusted p-values, (m,), in the order of `p`. NaN means no test: it stays and is not counted.

    >>> holm([0.01, 0.04, 0.03, float("nan")])
    array([0.03, 0.06, 0.06,  nan])
    """
    values = np.asarray(p, dtype=float)
    adjusted = np.full(values.shape, np.nan)
    tests = np.flatnonzero(~np.isnan(values))
    order = tests[np.argsort(values[tests], kind="stable")]
    factors = np.arange(len(order), 0, -1)
    adjusted[order] = np.minimum(np.maximum.accumulate(factors * values[order]), 1.0)
    return adjusted
