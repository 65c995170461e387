"""What a backend promises, and what the core hands it.

Shapes use the letters of `contracts.py`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar, Protocol, runtime_checkable

import numpy as np

from harness.contracts import Array, Forward, Turn

if TYPE_CHECKING:
    from harness.model.network import Network
    from harness.model.objective import Objective

__all__ = ["Backend", "Block", "Pass", "Program", "Step", "Updater"]


@dataclass(frozen=True)
class Block:
    """Neighbouring runs of a stack that share an update rule, or a wrapper in its turn.

    The float fields of `rule` are floats where all runs of the block agree, else (rows, 1) float64
    NumPy arrays. turn: of a wrapper; None for a rule.
    """

    rows: slice
    rule: Any
    turn: Turn | None = None


class Program(Protocol):
    """A network and an objective bound to a backend, for R runs."""

    def forward(self, theta: Array, x: Array) -> Forward:
        """theta: (R, P), for any R; x: (R, B, F), or (B, F) shared by all runs."""

    def gradient(self, theta: Array, x: Array, target: Array) -> tuple[Forward, Array]:
        """The forward pass and ∂ℒ/∂θ, (R, P). The gradient is good until the next call."""


class Updater(Protocol):
    """The update rules of a stack, ready to run.

    A wrapper is run like a rule, with what it changes in the place of θ: its `turn` is the core's.
    """

    def init(self, theta: Array) -> list[Any]:
        """The state of each block; every array in it leads with the run axis."""

    def __call__(
        self, theta: Array, gradient: Array, state: list[Any], lr: np.ndarray, t: np.ndarray
    ) -> tuple[Array, list[Any]]:
        """lr, t: (R, 1) float64 on the host. May write into `theta` and `state`: use what it returns."""


@dataclass(frozen=True)
class Step:
    """What one step of a stack computes: the gradient of its objective, and its update rules.

    objective: its factors on the host. blocks: rules, and where a backend says that it
    `compiles_wrappers` these as well, in the order in which they are to be run; none is of scope
    OBJECTIVE.
    """

    network: Network
    objective: Objective
    blocks: Sequence[Block]
    batch_size: int


class Pass(Protocol):
    """All steps of an epoch in one call, where a backend compiles or captures the whole step."""

    def __call__(
        self, theta: Array, state: list[Any], order: np.ndarray, lr: np.ndarray, t: np.ndarray
    ) -> tuple[Array, list[Any], dict[str, Array]]:
        """Goes once through the training part, or through what an epoch takes of it.

        order: (R, n) row numbers, or (n,) where all runs share them; n ≤ N. lr: (S, R) of each step.
        t: (R, 1), the number of the first step, from 1. All three are on the host. May write into
        `theta` and `state`. Returns the new ones, and each term of the objective summed over the
        samples, (R,) float64.
        """


@runtime_checkable
class Backend(Protocol):
    """Where arrays live and what computes on them.

    forkable: whether it goes on working in a forked process: not if it keeps threads or a device.
    A class may promise `exact_stacks: ClassVar[bool] = True`: a run in a stack then computes to the last
    bit what it computes alone. `harness check` holds it to that; others to a tolerance. Another may say
    `compiles_wrappers: ClassVar[bool] = True`: it then finds wrappers among the blocks of a step that it
    is to compile. For others the core runs steps with wrappers.
    """

    forkable: ClassVar[bool]

    @property
    def dtype(self) -> str:
        """The precision of θ: "float32" or "float64"."""

    def check(self) -> None:
        """Raises MissingDependencyError or ConfigurationError where this backend cannot run here."""

    def capacity(self, network: Network, batch_size: int) -> int:
        """The most runs of a stack: what fits into memory, and no more than is of use."""

    def to_device(self, array: np.ndarray) -> Array:
        """A copy on the device; floats become `dtype`, integers stay integers."""

    def to_host(self, array: Array) -> np.ndarray:
        """A copy on the host."""

    def bind(self, network: Network, objective: Objective) -> Program:
        """The program of a network and an objective of R runs."""

    def updater(self, blocks: Sequence[Block], network: Network) -> Updater:
        """What runs the update rules of a stack."""

    def compiled(self, step: Step, features: Array, targets: Array, steps: int) -> Pass | None:
        """The step as one piece, on placed training data; None where the core's own loop is better.

        steps: how many the stack has before it, at most: what compiling has to pay for itself in.
        """
