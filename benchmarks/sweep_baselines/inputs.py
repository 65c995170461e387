"""The inputs of the baselines, so that all learn the same: data, initial weights, batch orders."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from harness.data.preparing import Split, prepare
from harness.model.mlp import Mlp
from harness.randomness import order, weight_rngs
from harness.registry.registry import load_registry

from .grid import Grid

__all__ = ["write"]


def write(path: Path, grid: Grid, epochs: int) -> None:
    """Writes an .npz with these arrays:

    {train,validation,test}_{features,labels}   digits in three scaled parts
    sizes     units of each layer, from the features to the outputs
    rates     learning rates
    theta     initial parameters, (initializers, seeds, P)
    orders    orders of the samples, (seeds, epochs, N)
    """
    registry = load_registry()
    digits = registry.component("dataset", "digits")()
    data = prepare(digits.load(), digits.task, "softmax", Split())
    network = Mlp().sized(data.features, data.outputs)
    arrays = {}
    for name in ("train", "validation", "test"):
        part = getattr(data, name)
        arrays[f"{name}_features"] = part.features.astype(np.float32)
        arrays[f"{name}_labels"] = part.labels.astype(np.int64)
    biases = registry.component("initializer", "zeros")()
    theta = [
        [
            network.initial(
                registry.component("initializer", name)(),
                biases,
                weight_rngs(seed, len(network.layers)),
            )
            for seed in range(grid.seeds)
        ]
        for name in grid.initializers
    ]
    orders = [
        [order(seed, epoch, len(data.train)) for epoch in range(1, epochs + 1)]
        for seed in range(grid.seeds)
    ]
    np.savez(
        path,
        **arrays,
        sizes=np.array(network.sizes),
        rates=np.array(grid.rates, np.float32),
        theta=np.array(theta, np.float32),
        orders=np.array(orders, np.int32),
    )
