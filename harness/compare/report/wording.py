"""Numbers and names in reports; files have the full precision."""

from __future__ import annotations

import math
from typing import NamedTuple

__all__ = [
    "MISSING",
    "Estimate",
    "difference",
    "enumeration",
    "interval",
    "probability",
    "quoted",
    "score",
    "share",
    "time",
]

MISSING = "-"


class Estimate(NamedTuple):
    """A number with the ends of its interval.

    Attributes:
        value: The number; NaN where there is none.
        low: The lower end; NaN where there is no interval.
        high: The upper end, likewise.
    """

    value: float
    low: float = math.nan
    high: float = math.nan


def score(value: float) -> str:
    """A score, with the digits in which scores of its size differ.

    >>> score(0.97314), score(231.46), score(float("nan"))
    ('0.9731', '231.5', '-')
    """
    if not math.isfinite(value):
        return MISSING
    if abs(value) < 10:
        return f"{value:z.4f}"  # z: no minus before a zero
    return f"{value:.1f}" if abs(value) < 10_000 else f"{value:.4g}"


def interval(estimate: Estimate) -> str:
    """A score with its interval, if it has one.

    >>> interval(Estimate(0.9731, 0.9712, 0.975))
    '0.9731 [0.9712, 0.9750]'
    """
    ends = [score(estimate.low), score(estimate.high)]
    if MISSING in ends:
        return score(estimate.value)
    return f"{score(estimate.value)} [{', '.join(ends)}]"


def difference(estimate: Estimate) -> str:
    """A difference with its sign, with the digits that its interval leaves certain.

    >>> difference(Estimate(0.0118, 0.0041, 0.0192)), difference(Estimate(-0.25))
    ('+0.012 [0.004, 0.019]', '-0.2500')
    >>> difference(Estimate(-0.00004, -0.02, 0.02)), score(-0.00001)
    ('+0.000 [-0.020, 0.020]', '0.0000')
    """
    value, low, high = estimate
    if not math.isfinite(value):
        return MISSING
    width = high - low
    if not math.isfinite(width) or width <= 0:
        return f"{value:+z.4f}"
    digits = min(6, max(0, 1 - math.floor(math.log10(width))))
    return f"{value:+z.{digits}f} [{low:z.{digits}f}, {high:z.{digits}f}]"


def share(estimate: Estimate) -> str:
    """A share of all, with its interval, if it has one.

    >>> share(Estimate(0.94, 0.806, 1.0)), share(Estimate(0.5))
    ('0.94 [0.81, 1.00]', '0.50')
    """
    value, low, high = estimate
    if math.isnan(value):
        return MISSING
    return f"{value:.2f}" if math.isnan(low) else f"{value:.2f} [{low:.2f}, {high:.2f}]"


def probability(p: float) -> str:
    """A p-value.

    >>> probability(0.0123), probability(0.00001), probability(float("nan"))
    ('0.012', '<0.001', '-')
    """
    if not math.isfinite(p):
        return MISSING
    return "<0.001" if p < 0.001 else f"{p:.2g}"


def time(value: float) -> str:
    """Steps, samples or seconds until something; "missed" where it did not happen.

    >>> time(540.0), time(0.3721), time(float("inf")), time(float("nan"))
    ('540', '0.372', 'missed', '-')
    """
    if math.isnan(value):
        return MISSING
    if math.isinf(value):
        return "missed"
    return f"{value:.0f}" if value == round(value) else f"{value:.3g}"


def quoted(name: str) -> str:
    """A name in a sentence: in quotation marks if it has a comma of its own.

    >>> quoted("adam"), quoted("adam, he_normal")
    ('adam', '“adam, he_normal”')
    """
    return f"“{name}”" if "," in name else name


def enumeration(names: list[str], most: int = 4) -> str:
    """Names in a sentence.

    >>> enumeration(["a", "b", "c"]), enumeration(list("abcdefg"))
    ('a, b and c', 'a, b, c, d and 3 others')
    """
    names = [quoted(name) for name in names]
    if len(names) > most + 1:
        names = [*names[:most], f"{len(names) - most} others"]
    return " and ".join([", ".join(names[:-1]), names[-1]] if len(names) > 1 else names)
