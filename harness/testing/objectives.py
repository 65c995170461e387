"""Networks and objectives for backends to differentiate."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from harness.network import ACTIVATIONS, Network
from harness.objective import Objective, Term
from harness.registry import Registry
from harness.testing.problem import SquaredError

__all__ = ["BATCH", "RUNS", "numbers", "objectives", "plain"]

RUNS, BATCH = 3, 5


def plain(loss: Any, runs: int) -> Objective:
    """A loss and weight decay."""
    return Objective("main", loss, (), np.linspace(0.01, 0.03, runs))


def objectives(registry: Registry) -> Iterator[tuple[str, Network, Objective]]:
    """Every activation; every installed loss; every auxiliary loss with a head that it suits."""
    factors = np.linspace(0.2, 0.6, RUNS)
    for activation in ACTIVATIONS:
        network = Network((4, 5, 4, 3), activation, 0.1, True)
        yield activation, network, plain(SquaredError(), RUNS)
    network = Network((4, 5, 3), "tanh", 0.1, True)
    losses = {name: registry.component("loss", name)() for name in registry.names("loss")}
    for name, loss in losses.items():
        yield name, network, plain(loss, RUNS)
    for name in registry.names("auxiliary_loss"):
        auxiliary = registry.component("auxiliary_loss", name)()
        for loss in losses.values():
            if loss.output_activation in auxiliary.output_activations:
                term = Term(name, auxiliary, factors)
                yield name, network, Objective("main", loss, (term,), factors / 10)
                break
    linear = Network((4, 3), "identity", 0.1, True)
    yield "a linear model", linear, plain(SquaredError(), RUNS)


def numbers(network: Network, runs: int, shared: bool) -> tuple[np.ndarray, np.ndarray]:
    """θ (R, P) and features (R, B, F), or (B, F)."""
    rng = np.random.default_rng(9)
    theta = 0.7 * rng.normal(size=(runs, network.size))
    batch = (BATCH, network.sizes[0]) if shared else (runs, BATCH, network.sizes[0])
    return theta, rng.normal(size=batch)
