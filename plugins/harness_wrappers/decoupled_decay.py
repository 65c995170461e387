"""Decoupled weight decay."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

from harness import Array, Range, Scope, State, Turn, check_range


@dataclass(frozen=True)
class DecoupledDecay:
    """Weights shrink before each step by a share that no gradient, momentum or adaptive rate touches.

        θ ← (1 − ηλ) θ

    Around Adam this is AdamW. The objective's own `weight_decay` β is a term of the loss instead;
    for plain gradient descent λ = 2β is the same.

    Attributes:
        decay: Weight decay λ, in [0, inf); acts on all of θ, biases included, at the scheduled rate
            η of the rule, so the values worth trying depend on η.

    >>> import numpy as np
    >>> DecoupledDecay(decay=0.5).step(np.array([[1.0, -2.0]]), None, {}, lr=0.2, t=1)
    (array([[ 0.9, -1.8]]), {})

    Source: Loshchilov & Hutter, Decoupled weight decay regularization, 2019, Algorithms 1 and 2. There
    λ is multiplied by the schedule alone; here it is by the rate as well, as in `torch.optim.AdamW`.
    """

    decay: float = 0.01

    scope: ClassVar[Scope] = Scope.ELEMENT
    turn: ClassVar[Turn] = Turn.BEFORE
    search_space: ClassVar[Mapping[str, Range]] = {
        "decay": Range(1e-4, 1, "log", "a step takes the share ηλ of θ away"),
    }

    def __post_init__(self) -> None:
        check_range(self, "decay", 0)

    def init(self, theta: Array) -> State:
        """No state."""
        return {}

    def step(
        self, theta: Array, gradient: Array, state: State, *, lr: Any, t: Any
    ) -> tuple[Array, State]:
        """θ, a little smaller; see `harness.Wrapper.step`."""
        return (1 - lr * self.decay) * theta, {}
