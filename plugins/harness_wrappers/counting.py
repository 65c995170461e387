"""Whether a step is one of a few, as a number: wrappers compute with t and never branch on it."""

from __future__ import annotations

from typing import Any

__all__ = ["every"]


def every(period: int, t: Any) -> Any:
    """1.0 where t is a multiple of the period, else 0.0, in the precision of t.

    >>> [every(3, t) for t in (1.0, 2.0, 3.0, 6.0)]
    [0.0, 0.0, 1.0, 1.0]
    """
    return (t % period < 1) * (0 * t + 1)
