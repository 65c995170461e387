"""Stochastic weight averaging."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

from harness import Array, Range, Scope, State, Turn, check_range
from harness_wrappers.counting import every


@dataclass(frozen=True)
class Swa:
    """Stochastic weight averaging: the network is judged at an equal mean of the weights since a step.

        θ̄ ← θ̄ + (θ − θ̄)/n                  at each c-th step from step s on; n counts them

    Before step s it is judged at θ. The mean is meant for weights that still move: with a constant
    or a cyclic rate, after the first fall of the loss.

    Attributes:
        start: First step s of the mean, 1 or more; from 1 it is the Polyak-Ruppert mean.
        period: Steps c between two θ of the mean, 1 or more; the length of a cycle where the rate
            is cyclic.

    >>> import numpy as np
    >>> wrapper, theta = Swa(start=2, period=2), np.array([[0.0]])
    >>> state = wrapper.init(theta)
    >>> for t in range(1, 7):
    ...     _, state = wrapper.step(np.array([[float(t)]]), None, state, lr=0.1, t=t)
    >>> wrapper.evaluated(theta, state)  # (2 + 4 + 6) / 3
    array([[4.]])

    Source: Izmailov et al., Averaging weights leads to wider optima and better generalization, 2018;
    Ruppert, Efficient estimations from a slowly convergent Robbins-Monro process, 1988.
    """

    start: int = 1
    period: int = 1

    scope: ClassVar[Scope] = Scope.ELEMENT
    turn: ClassVar[Turn] = Turn.AFTER
    search_space: ClassVar[Mapping[str, Range]] = {}

    def __post_init__(self) -> None:
        check_range(self, "start", 1)
        check_range(self, "period", 1)

    def init(self, theta: Array) -> State:
        """mean: θ̄, from θ."""
        return {"mean": theta}

    def step(
        self, theta: Array, gradient: Array, state: State, *, lr: Any, t: Any
    ) -> tuple[Array, State]:
        """θ as it is, and the new mean; see `harness.Wrapper.step`."""
        one = 0 * t + 1  # bool * 1.0 would be float64; this keeps the dtype of t
        begun = (t > self.start) * one
        n = begun * (t - self.start) / self.period + 1
        share = 1 - begun + begun * every(self.period, t - self.start) / n
        return theta, {"mean": state["mean"] + share * (theta - state["mean"])}

    def evaluated(self, theta: Array, state: State) -> Array:
        """θ̄."""
        return state["mean"]
