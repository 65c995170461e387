"""An exponential mean of the weights."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

from harness import Array, Range, Scope, State, Turn, check_range


@dataclass(frozen=True)
class Ema:
    """The network is judged at a mean of the weights that forgets the older ones; training goes on.

        θ̄ ← θ̄ + (1 − δ)/(1 − δᵗ) (θ − θ̄)

    θ̄ is the mean of all θ so far with weights 1, δ, δ², … from the last one back.

    Attributes:
        decay: Decay rate δ of the mean, in [0, 1).

    >>> import numpy as np
    >>> wrapper, theta = Ema(decay=0.5), np.array([[7.0]])
    >>> state = wrapper.init(theta)
    >>> for t, theta in enumerate(np.array([[[1.0]], [[4.0]]]), start=1):
    ...     _, state = wrapper.step(theta, None, state, lr=0.1, t=t)
    >>> wrapper.evaluated(theta, state)  # (4 + ½·1) / (1 + ½)
    array([[3.]])

    Source: Polyak & Juditsky, Acceleration of stochastic approximation by averaging, 1992, for the mean;
    Kingma & Ba, Adam, 2015, section 7.2, for this one with its bias corrected. Others take (1 − δ)
    alone, and so keep δᵗ of their start.
    """

    decay: float = 0.99

    scope: ClassVar[Scope] = Scope.ELEMENT
    turn: ClassVar[Turn] = Turn.AFTER
    search_space: ClassVar[Mapping[str, Range]] = {
        "decay": Range(0.9, 0.9999, "complement", "a mean over 1/(1 − δ) steps"),
    }

    def __post_init__(self) -> None:
        check_range(self, "decay", 0, 1, closed="left")

    def init(self, theta: Array) -> State:
        """mean: θ̄, from θ."""
        return {"mean": theta}

    def step(
        self, theta: Array, gradient: Array, state: State, *, lr: Any, t: Any
    ) -> tuple[Array, State]:
        """θ as it is, and the new mean; see `harness.Wrapper.step`."""
        share = (1 - self.decay) / (1 - self.decay**t)
        return theta, {"mean": state["mean"] + share * (theta - state["mean"])}

    def evaluated(self, theta: Array, state: State) -> Array:
        """θ̄."""
        return state["mean"]
