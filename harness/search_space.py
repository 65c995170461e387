"""Which values of a hyperparameter are worth trying: ranges, each on a scale on which steps are alike.

An optimizer states its search space as a class variable, by field:

    search_space: ClassVar[Mapping[str, Range]] = {
        "lr": Range(1e-3, 10, "log"),
        "momentum": Range(0.5, 0.99, "complement"),
    }

A dimension of a space turns a number from [0, 1) into a value (`at`), and a value into the text for a
command line (`text`). So a point of the unit cube is a setting of any optimizer.
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Mapping
from dataclasses import dataclass, replace
from decimal import Decimal
from typing import Any

from harness.errors import ConfigurationError, PluginError
from harness.fields import check_choice

__all__ = ["SCALES", "Choice", "Dimension", "Integers", "Range", "space_of"]

SCALES = ("linear", "log", "complement")


@dataclass(frozen=True)
class Range:
    """Real numbers from `low` to `high`, even on a scale.

    Attributes:
        low: Lowest value.
        high: Highest value, above `low`.
        scale: "linear" in x; "log" in log x, for values over orders of magnitude, above 0; "complement"
            in log(1 − x), for shares close to 1: from 0.9 to 0.99 is then as far as from 0.99 to 0.999.
        meaning: Unit, or an interpretation, where that says more than the name.

    >>> Range(1e-4, 1, "log").at(0.5)
    0.01
    >>> [round(Range(0.9, 0.999, "complement").at(u), 4) for u in (0, 0.5, 1)]
    [0.9, 0.99, 0.999]
    """

    low: float
    high: float
    scale: str = "linear"
    meaning: str = ""

    def __post_init__(self) -> None:
        check_choice(self, "scale", SCALES)
        if not (math.isfinite(self.low) and math.isfinite(self.high) and self.low < self.high):
            raise ConfigurationError(
                f"A range goes from a lower to a higher finite number. Got {self.low} to {self.high}."
            )
        if self.scale == "log" and self.low <= 0:
            raise ConfigurationError(
                f"A range on a log scale starts above 0. Got {self.low} to {self.high}."
            )
        if self.scale == "complement" and self.high >= 1:
            raise ConfigurationError(
                f"A range on a complement scale ends below 1. Got {self.low} to {self.high}."
            )

    def at(self, u: float) -> float:
        """The value at u in [0, 1]: `low` at 0, and higher for higher u."""
        return min(max(self._on_scale(u), self.low), self.high)  # rounding may lead past an end

    def position(self, value: float) -> float:
        """The u at which `at` gives this value.

        >>> round(Range(0.9, 0.999, "complement").position(0.99), 12)
        0.5
        """
        if self.scale == "log":
            return math.log(value / self.low) / math.log(self.high / self.low)
        if self.scale == "complement":
            away = (1 - self.high) / (1 - self.low)
            return math.log((1 - value) / (1 - self.low)) / math.log(away)
        return (value - self.low) / (self.high - self.low)

    def extended(self, below: float = 0.0, above: float = 0.0) -> Range:
        """A longer range.

        Args:
            below: Share of the width, on the scale, to add below `low`.
            above: Share of the width, on the scale, to add above `high`.

        >>> Range(1e-3, 10, "log").extended(above=0.5)
        Range(low=0.001, high=1000.0, scale='log', meaning='')
        """
        # Without the noise of the last digits: 1000, not 1000.0000000000002
        low = float(self._digits(self._on_scale(-below), 12)) if below else self.low
        high = float(self._digits(self._on_scale(1 + above), 12)) if above else self.high
        return replace(self, low=low, high=high)

    def text(self, value: float) -> str:
        """The value in six significant digits, of 1 − x on the complement scale; never outside the
        range.

        >>> Range(0.5, 0.9999, "complement").text(0.99987654321)
        '0.999876543'
        """
        text = self._digits(value)
        return text if self.low <= float(text) <= self.high else repr(float(value))

    def _on_scale(self, u: float) -> float:
        if self.scale == "log":
            return self.low * (self.high / self.low) ** u
        if self.scale == "complement":
            return 1 - (1 - self.low) * ((1 - self.high) / (1 - self.low)) ** u
        return self.low + (self.high - self.low) * u

    def _digits(self, value: float, digits: int = 6) -> str:
        complement = self.scale == "complement"
        return str(1 - Decimal(f"{1 - value:.{digits}g}")) if complement else f"{value:.{digits}g}"


@dataclass(frozen=True)
class Integers:
    """Whole numbers from `low` to `high`, both included, even on a scale.

    Attributes:
        low: Lowest value; 1 or above on a log scale.
        high: Highest value, above `low`.
        scale: "linear" or "log".

    >>> [Integers(1, 3).at(u) for u in (0.0, 0.5, 0.99)]
    [1, 2, 3]
    """

    low: int
    high: int
    scale: str = "linear"

    def __post_init__(self) -> None:
        check_choice(self, "scale", ("linear", "log"))
        if self.low >= self.high:
            raise ConfigurationError(
                f"A range goes from a lower to a higher number. Got {self.low} to {self.high}."
            )
        if self.scale == "log" and self.low < 1:
            raise ConfigurationError(
                f"Whole numbers on a log scale start at 1 or above. Got {self.low} to {self.high}."
            )

    def at(self, u: float) -> int:
        """The value at u in [0, 1]."""
        return min(max(round(self._steps.at(u)), self.low), self.high)

    def position(self, value: float) -> float:
        """A u at which `at` gives this value; on a linear scale the middle of its share."""
        return self._steps.position(value)

    def extended(self, below: float = 0.0, above: float = 0.0) -> Integers:
        """A longer range, by one number at least; see `Range.extended`."""
        longer = self._steps.extended(below, above)
        low = min(round(longer.low + 0.5), self.low - 1) if below else self.low
        high = max(round(longer.high - 0.5), self.high + 1) if above else self.high
        return replace(self, low=low, high=high)

    def text(self, value: int) -> str:
        """The value with all digits."""
        return str(value)

    @property
    def _steps(self) -> Range:
        # Half a step longer at both ends, so that the lowest and highest value get their full share
        return Range(self.low - 0.5, self.high + 0.5, self.scale)


@dataclass(frozen=True)
class Choice:
    """One of several values, with equal shares.

    Attributes:
        values: Values, each as it is written on a command line.

    >>> [Choice(("relu", "tanh")).at(u) for u in (0.49, 0.5)]
    ['relu', 'tanh']
    """

    values: tuple[str, ...]

    def at(self, u: float) -> str:
        """The value at u in [0, 1]."""
        return self.values[min(int(u * len(self.values)), len(self.values) - 1)]

    def text(self, value: str) -> str:
        """The value as it is."""
        return value


Dimension = Range | Integers | Choice


def space_of(component: type) -> Mapping[str, Range]:
    """The search space that a component states, by field; empty where it states none.

    Raises PluginError where it names something that is not a field, or gives it no `Range`.
    """
    space: Mapping[str, Any] = getattr(component, "search_space", {})
    fields = {field.name for field in dataclasses.fields(component)}
    for name, dimension in space.items():
        if name not in fields or not isinstance(dimension, Range):
            raise PluginError(
                f"the search space of {component.__name__} must give a harness.Range for each of some "
                f"of its fields: {', '.join(sorted(fields))}. Got {name}: {dimension!r}."
            )
    return space
