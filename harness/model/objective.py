"""The combined loss ℒ = ℒ₁ + Σₖ λₖℒₖ + β Σᵢ θᵢ².

The main loss has the factor 1, each auxiliary loss its λₖ, and weight decay, a prior on θ, its β. Every
term is logged as it enters the sum, λₖℒₖ rather than ℒₖ: these are the sizes to be compared.

Back-propagation starts from `output_gradient`, adds `hidden_gradient` at each hidden layer and
`decay_gradient` at the end, whether a backend writes it out or leaves it to automatic differentiation.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import numpy as np

from harness.contracts import Array, AuxiliaryLoss, Forward, Loss, array_namespace

__all__ = ["DECAY", "Objective", "Term"]

DECAY = "weight_decay"  # the name of the term β Σ θᵢ²


@dataclass(frozen=True)
class Term:
    """An auxiliary loss with its factors.

    Attributes:
        name: Name of the loss, under which its values are logged.
        loss: The auxiliary loss.
        factor: λ of each run of the stack, (R,).
    """

    name: str
    loss: AuxiliaryLoss
    factor: Array


@dataclass(frozen=True)
class Objective:
    """The objective of the R runs of a stack.

    Attributes:
        name: Name of the main loss, under which its values are logged.
        loss: The main loss.
        auxiliary: Auxiliary losses whose factors are not 0: a stack pays for no term that it does not
            have.
        weight_decay: β of each run, (R,), or None without decay.
    """

    name: str
    loss: Loss
    auxiliary: tuple[Term, ...] = ()
    weight_decay: Array | None = None

    def map_factors(self, function: Callable[[np.ndarray], Array]) -> Objective:
        """The same objective with other factors.

        Args:
            function: Makes a factor from a factor, (R,): a copy on a device, or some of its rows.
        """
        return replace(
            self,
            auxiliary=tuple(replace(term, factor=function(term.factor)) for term in self.auxiliary),
            weight_decay=None if self.weight_decay is None else function(self.weight_decay),
        )

    def rows(self, rows: np.ndarray) -> Objective:
        """The objective of some runs, where the factors are on the host.

        Args:
            rows: Row numbers of the runs.
        """
        return self.map_factors(lambda factor: factor[rows])

    # --- values, each (R,) ------------------------------------------------------------------------

    def output_terms(self, output: Array, target: Array) -> dict[str, Array]:
        """The terms that read the outputs, by name, the main loss first.

        Args:
            output: Outputs, (R, B, K).
            target: Targets, (R, B, K) or (B, K).
        """
        terms = {self.name: self.loss.value(output, target)}
        for term in self._on_output:
            terms[term.name] = term.factor * term.loss.value(output)
        return terms

    def hidden_terms(self, hidden: tuple[Array, ...]) -> dict[str, Array]:
        """The terms that read hidden activations, by name, each summed over the layers.

        Args:
            hidden: Activations of each hidden layer, (R, B, n).
        """
        terms: dict[str, Array] = {}
        for term in self._on_hidden:
            if hidden:
                terms[term.name] = term.factor * _sum([term.loss.value(h) for h in hidden])
        return terms

    def decay_terms(self, theta: Array) -> dict[str, Array]:
        """The term that reads θ, by name; empty without decay.

        Args:
            theta: Parameters, (R, P).
        """
        if self.weight_decay is None:
            return {}
        xp = array_namespace(theta)
        return {DECAY: self.weight_decay * xp.sum(theta * theta, axis=-1)}

    def terms(self, forward: Forward, target: Array, theta: Array) -> dict[str, Array]:
        """All terms, by name, as they enter the sum ℒ.

        Args:
            forward: What the forward pass kept.
            target: Targets, (R, B, K) or (B, K).
            theta: Parameters, (R, P).
        """
        return {
            **self.output_terms(forward.output, target),
            **self.hidden_terms(forward.hidden),
            **self.decay_terms(theta),
        }

    @property
    def reads_more_than_outputs(self) -> bool:
        """Whether a term reads hidden activations or θ, which change with every step."""
        return bool(self._on_hidden) or self.weight_decay is not None

    # --- gradients --------------------------------------------------------------------------------

    def output_gradient(self, output: Array, target: Array) -> Array:
        """∂ℒ/∂output through the terms that read the outputs, (R, B, K).

        Args:
            output: Outputs, (R, B, K).
            target: Targets, (R, B, K) or (B, K).
        """
        gradient = self.loss.gradient(output, target)
        for term in self._on_output:
            gradient = gradient + term.factor[:, None, None] * term.loss.gradient(output)
        return gradient

    def hidden_gradient(self, h: Array) -> Array | None:
        """What the terms that read hidden activations add to ∂ℒ/∂h, (R, B, n); None without such terms.

        Args:
            h: Activations of one hidden layer, (R, B, n).
        """
        if not self._on_hidden:
            return None
        return _sum(
            [term.factor[:, None, None] * term.loss.gradient(h) for term in self._on_hidden]
        )

    def decay_gradient(self, theta: Array) -> Array | None:
        """The gradient of the decay, 2βθ, (R, P); None without decay.

        Args:
            theta: Parameters, (R, P).
        """
        if self.weight_decay is None:
            return None
        return 2 * self.weight_decay[:, None] * theta

    @cached_property
    def _on_output(self) -> tuple[Term, ...]:
        return tuple(term for term in self.auxiliary if term.loss.reads == "output")

    @cached_property
    def _on_hidden(self) -> tuple[Term, ...]:
        return tuple(term for term in self.auxiliary if term.loss.reads == "hidden")


def _sum(parts: list[Any]) -> Any:
    total = parts[0]
    for part in parts[1:]:
        total = total + part
    return total
