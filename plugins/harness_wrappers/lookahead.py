"""Lookahead."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

from harness import Array, Range, Scope, State, Turn, check_range
from harness_wrappers.counting import every


@dataclass(frozen=True)
class Lookahead:
    """Lookahead: k steps forward, then back to a point between their start and their end.

        φ ← φ + α(θ − φ),  θ ← φ            at each k-th step

    The rule keeps its own state when θ is pulled back. The network is judged at the slow weights φ.

    Attributes:
        period: Steps k between two pulls back, 1 or more.
        alpha: Share α of the way that φ follows, in (0, 1].

    >>> import numpy as np
    >>> wrapper, theta = Lookahead(period=2, alpha=0.5), np.array([[1.0]])
    >>> state = wrapper.init(theta)
    >>> for t in (1, 2, 3):
    ...     theta, state = wrapper.step(theta - 0.4, None, state, lr=0.1, t=t)
    ...     print(theta.round(3), state["slow"].round(3))
    [[0.6]] [[1.]]
    [[0.6]] [[0.6]]
    [[0.2]] [[0.6]]

    Source: Zhang, Lucas, Hinton & Ba, Lookahead optimizer: k steps forward, 1 step back, 2019.
    """

    period: int = 5
    alpha: float = 0.5

    scope: ClassVar[Scope] = Scope.ELEMENT
    turn: ClassVar[Turn] = Turn.AFTER
    search_space: ClassVar[Mapping[str, Range]] = {
        "alpha": Range(0.2, 0.8, meaning="1 goes all the way of the k steps"),
    }

    def __post_init__(self) -> None:
        check_range(self, "period", 1)
        check_range(self, "alpha", 0, 1, closed="right")

    def init(self, theta: Array) -> State:
        """slow: φ, from θ."""
        return {"slow": theta}

    def step(
        self, theta: Array, gradient: Array, state: State, *, lr: Any, t: Any
    ) -> tuple[Array, State]:
        """θ, pulled back at every k-th step; see `harness.Wrapper.step`."""
        due = every(self.period, t)
        slow = state["slow"] + self.alpha * due * (theta - state["slow"])
        return (1 - due) * theta + due * slow, {"slow": slow}

    def evaluated(self, theta: Array, state: State) -> Array:
        """φ."""
        return state["slow"]
