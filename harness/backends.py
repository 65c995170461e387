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

    Attributes:
        rows: Their rows in every array that leads with the run axis.
        rule: The rule or wrapper of all of them. A float field is a float where all runs agree, else a
            (rows, 1) float64 NumPy array.
        turn: Turn of a wrapper; None for a rule.
    """

    rows: slice
    rule: Any
    turn: Turn | None = None


class Program(Protocol):
    """A network and an objective bound to a backend, for R runs."""

    def forward(self, theta: Array, x: Array) -> Forward:
        """The forward pass.

        Args:
            theta: Parameters, (R, P); here R may be any number of runs.
            x: Features, (R, B, F), or (B, F) where all runs share them.
        """

    def gradient(self, theta: Array, x: Array, target: Array) -> tuple[Forward, Array]:
        """The forward pass and ∂ℒ/∂θ, (R, P). The next call may write over the gradient.

        Args:
            theta: Parameters, (R, P).
            x: Features, (R, B, F), or (B, F) where all runs share them.
            target: Targets, (R, B, K), or (B, K).
        """


class Updater(Protocol):
    """The update rules of a stack, ready to run.

    A wrapper is run like a rule: what it changes comes as `theta`. The core alone looks at its
    `turn`.
    """

    def init(self, theta: Array) -> list[Any]:
        """The state of each block before the first step; every array in it leads with the run axis.

        Args:
            theta: Initial parameters, (R, P).
        """

    def __call__(
        self, theta: Array, gradient: Array, state: list[Any], lr: np.ndarray, t: np.ndarray
    ) -> tuple[Array, list[Any]]:
        """One step of all blocks. It may write into `theta` and `state`.

        Args:
            theta: Parameters, (R, P).
            gradient: Gradient, (R, P).
            state: State of each block, as `init` or the last call returned it.
            lr: Learning rate of each run, (R, 1) float64 on the host.
            t: Number of the step of each run, from 1, (R, 1) float64 on the host.

        Returns:
            The new θ and the new state; the caller uses these and no longer the arguments.
        """


@dataclass(frozen=True)
class Step:
    """What one step of a stack computes: the gradient of its objective, and its update rules.

    Attributes:
        network: Network of all runs.
        objective: Objective of the R runs, its factors on the host.
        blocks: Update rules, none of them of scope OBJECTIVE; and for a backend that `compiles_wrappers`
            the wrappers too, in the order in which they are to be run.
        batch_size: Samples of a step, B; the last step of an epoch may have fewer.
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
        """One pass over the samples of an epoch. It may write into `theta` and `state`.

        Args:
            theta: Parameters, (R, P).
            state: State of each block.
            order: Row numbers of the samples on the host, (R, n), or (n,) where all runs share them;
                n ≤ N, since an epoch may take a part of the training data.
            lr: Learning rate of each step and run on the host, (S, R).
            t: Number of the first step of each run on the host, from 1, (R, 1).

        Returns:
            The new θ, the new state, and each term of the objective by name, summed over the samples,
            (R,) float64.
        """


@runtime_checkable
class Backend(Protocol):
    """Where arrays live and what computes on them.

    A class may promise more than the methods below:

    `exact_stacks: ClassVar[bool] = True` says that a run in a stack computes to the last bit what it
    computes alone. `harness check` holds it to that, and other backends to a tolerance.

    `compiles_wrappers: ClassVar[bool] = True` says that `compiled` also takes wrappers among the blocks
    of a step. For other backends the core itself runs steps with wrappers.

    Attributes:
        forkable: Whether it goes on working in a forked process: not if it keeps threads or a device.
    """

    forkable: ClassVar[bool]

    @property
    def dtype(self) -> str:
        """The precision of θ: "float32" or "float64"."""

    def check(self) -> None:
        """Raises MissingDependencyError or ConfigurationError where this backend cannot run here."""

    def capacity(self, network: Network, batch_size: int) -> int:
        """The most runs of a stack: as many as fit into memory, and no more than is of use.

        Args:
            network: Network of the runs.
            batch_size: Samples of a step.
        """

    def to_device(self, array: np.ndarray) -> Array:
        """A copy on the device; floats become `dtype`, integers stay integers."""

    def to_host(self, array: Array) -> np.ndarray:
        """A copy on the host."""

    def bind(self, network: Network, objective: Objective) -> Program:
        """The program of a stack.

        Args:
            network: Network of all runs.
            objective: Objective of the R runs, its factors on the host.
        """

    def updater(self, blocks: Sequence[Block], network: Network) -> Updater:
        """What runs the update rules of a stack.

        Args:
            blocks: Rules and wrappers, each with its runs.
            network: Network of all runs, for the layout of θ.
        """

    def compiled(self, step: Step, features: Array, targets: Array, steps: int) -> Pass | None:
        """An epoch in one call; None where the core's own loop is better.

        Args:
            step: What one step computes.
            features: Features of the training part on the device, (N, F).
            targets: Targets of the training part on the device, (N, K).
            steps: Most steps that the stack will take: compiling has to pay for itself in them.
        """
