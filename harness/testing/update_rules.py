"""Update rules of every scope, for backends to run."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

from harness.contracts import Array, Scope, State, array_namespace

__all__ = ["Bounded", "Decaying", "Momentum", "Normalised"]


@dataclass(frozen=True)
class Momentum:
    """Gradient descent with momentum: two float fields and a slot."""

    lr: float = 0.05
    momentum: float = 0.8

    scope: ClassVar[Scope] = Scope.ELEMENT

    def init(self, theta: Array) -> State:
        """velocity: v, from 0."""
        return {"velocity": array_namespace(theta).zeros_like(theta)}

    def step(
        self, theta: Array, gradient: Array, state: State, *, lr: Any, t: Any
    ) -> tuple[Array, State]:
        """v ← μv + ∇ℒ, θ ← θ − ηv."""
        v = self.momentum * state["velocity"] + gradient
        return theta - lr * v, {"velocity": v}


@dataclass(frozen=True)
class Decaying:
    """Any slice will do; powers of a hyperparameter, a root and a choice are in it."""

    lr: float = 0.1
    strength: float = 0.5

    scope: ClassVar[Scope] = Scope.ELEMENT

    def init(self, theta: Array) -> State:
        """mean: of the squared gradients."""
        return {"mean": array_namespace(theta).zeros_like(theta)}

    def step(
        self, theta: Array, gradient: Array, state: State, *, lr: Any, t: Any
    ) -> tuple[Array, State]:
        """A little of an adaptive rule."""
        xp = array_namespace(theta)
        mean = self.strength * state["mean"] + (1 - self.strength) * gradient * gradient
        size = xp.sqrt(mean) / (1 - self.strength**t) ** 0.5 + 1e-3
        return theta - lr * xp.where(gradient > 0, gradient, 0.5 * gradient) / size, {"mean": mean}


@dataclass(frozen=True)
class Normalised:
    """Each parameter moves by a norm of its own: it must see it whole, and see it alone."""

    lr: float = 0.1
    strength: float = 0.5

    scope: ClassVar[Scope] = Scope.TENSOR

    def init(self, theta: Array) -> State:
        """velocity: v, from 0."""
        return {"velocity": array_namespace(theta).zeros_like(theta)}

    def step(
        self, theta: Array, gradient: Array, state: State, *, lr: Any, t: Any
    ) -> tuple[Array, State]:
        """v ← μv + g/‖g‖."""
        xp = array_namespace(theta)
        axes = tuple(range(1, theta.ndim))
        norm = xp.sqrt(xp.sum(gradient * gradient, axis=axes, keepdims=True)) + 1e-6
        v = self.strength * state["velocity"] + gradient / norm
        return theta - lr * v, {"velocity": v}


@dataclass(frozen=True)
class Bounded:
    """The whole step of a run is no longer than a bound: it needs the vector."""

    lr: float = 0.1
    strength: float = 0.5

    scope: ClassVar[Scope] = Scope.VECTOR

    def init(self, theta: Array) -> State:
        """Nothing is remembered."""
        return {}

    def step(
        self, theta: Array, gradient: Array, state: State, *, lr: Any, t: Any
    ) -> tuple[Array, State]:
        """θ ← θ − η g / (1 + s‖g‖)."""
        xp = array_namespace(theta)
        norm = xp.sqrt(xp.sum(gradient * gradient, axis=-1, keepdims=True))
        return theta - lr * gradient / (1 + self.strength * norm), state
