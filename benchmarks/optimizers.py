"""Time of an update, for every optimizer and wrapper of harness, beside torch.optim.

    python benchmarks/optimizers.py [--rounds 15] [--names adam lion]

The first table is the NumPy backend: one run of a million parameters beside
`torch.optim.Adam(fused=True)` on the same parameters, and a stack of 16 runs of 64-64-10. The second is
the PyTorch backend on the CPU, as it runs uncompiled, beside torch.optim's foreach version of the same
rule where it has one. Rules that take further gradients (SAM, L-BFGS, Sophia) are left out, since the
gradients are most of their time. The time of a wrapper is added to that of the rule within it. float32,
one thread. All contenders take turns, and the medians of their CPU time are compared, so that other
processes on the machine matter less.
"""

from __future__ import annotations

import argparse
import gc
import os
import time
from collections.abc import Callable
from statistics import median
from typing import Any

os.environ.setdefault("OMP_NUM_THREADS", "1")

import numpy as np
import torch

from harness import Block, Scope
from harness.model.mlp import Mlp
from harness.model.network import Network
from harness.registry.registry import Registry, load_registry

LARGE = Mlp([824, 424]).sized(784, 10)  # 1,000,890 parameters
SMALL = Mlp([64]).sized(64, 10)  # 4,810
STACK = 16
SLICE = 0.02  # seconds of a contender's turn, which has at least one step

OF_TORCH: dict[str, Callable[..., torch.optim.Optimizer]] = {
    "sgd": torch.optim.SGD,
    "heavy_ball": lambda p, **o: torch.optim.SGD(p, momentum=0.9, **o),
    "averaged_momentum": lambda p, **o: torch.optim.SGD(p, momentum=0.9, dampening=0.9, **o),
    "nesterov": lambda p, **o: torch.optim.SGD(p, momentum=0.9, nesterov=True, **o),
    "rprop": torch.optim.Rprop,
    "adagrad": torch.optim.Adagrad,
    "adadelta": torch.optim.Adadelta,
    "rmsprop": torch.optim.RMSprop,
    "rmsprop_momentum": lambda p, **o: torch.optim.RMSprop(p, momentum=0.9, **o),
    "rmsprop_centered": lambda p, **o: torch.optim.RMSprop(p, centered=True, momentum=0.9, **o),
    "adam": torch.optim.Adam,
    "adamw": torch.optim.AdamW,
    "adamax": torch.optim.Adamax,
    "amsgrad": lambda p, **o: torch.optim.Adam(p, amsgrad=True, **o),
    "nadam": torch.optim.NAdam,
    "radam": torch.optim.RAdam,
}

Step = Callable[[], object]


def component(registry: Registry, name: str) -> Any:
    """The class of an optimizer or wrapper."""
    kind = "optimizer" if name in registry.names("optimizer") else "wrapper"
    return registry.component(kind, name)


def ours(registry: Registry, backend: str, name: str, network: Network, runs: int) -> Step:
    """A step of the backend's updater on a stack of equal rules."""
    rule = component(registry, name)()
    where = registry.component("backend", backend)(
        **({"device": "cpu"} if backend == "torch" else {})
    )
    rng = np.random.default_rng(0)
    theta, gradient = (where.to_device(rng.normal(size=(runs, network.size))) for _ in range(2))
    update = where.updater([Block(slice(0, runs), rule)], network)
    state, lr, t = update.init(theta), np.full((runs, 1), 1e-5), np.ones((runs, 1))

    def step() -> None:
        nonlocal theta, state, t
        theta, state = update(theta, gradient, state, lr, t)
        t = t + 1

    return step


def theirs(
    optimizer: Callable[..., torch.optim.Optimizer], network: Network, **options: bool
) -> Step:
    """A step of torch.optim on the weights and biases of a network."""
    rng = np.random.default_rng(0)
    parameters = []
    for parameter in network.parameters:
        value, slope = rng.normal(size=(2, *parameter.shape)).astype(np.float32)
        parameters.append(torch.nn.Parameter(torch.tensor(value)))
        parameters[-1].grad = torch.tensor(slope)
    return optimizer(parameters, lr=1e-5, **options).step


def measure(contenders: dict[str, Step], rounds: int) -> dict[str, float]:
    """The median CPU time of a step of each, in microseconds."""
    times: dict[str, list[float]] = {name: [] for name in contenders}
    for number in range(rounds + 2):
        for name, step in contenders.items():
            steps, start = 0, time.process_time()
            while not steps or time.process_time() - start < SLICE:
                step()
                steps += 1
            if number >= 2:  # the first turns warm up and compile
                times[name].append((time.process_time() - start) / steps * 1e6)
    return {name: median(values) for name, values in times.items()}


def on_numpy(registry: Registry, names: list[str], rounds: int) -> None:
    contenders = {"fused": theirs(torch.optim.Adam, LARGE, fused=True)}
    for name in names:
        contenders[name] = ours(registry, "numpy", name, LARGE, 1)
        contenders[f"{name} small"] = ours(registry, "numpy", name, SMALL, STACK)
    times = measure(contenders, rounds)
    print(
        f"\nNumPy, {LARGE.size:,} parameters; torch.optim.Adam(fused=True): {times['fused']:.0f} µs"
    )
    print(
        "\n| optimizer | µs a step | of fused Adam | of our Adam | µs a run in a stack of 16 × 4,810 |"
    )
    print("|---|---:|---:|---:|---:|")
    for name in names:
        of_adam = times[name] / times["adam"] if "adam" in times else float("nan")
        print(
            f"| {name} | {times[name]:.0f} | {times[name] / times['fused']:.2f} | {of_adam:.2f} "
            f"| {times[f'{name} small'] / STACK:.1f} |"
        )


def on_torch(registry: Registry, names: list[str], rounds: int) -> None:
    contenders = {}
    for name in names:
        contenders[name] = ours(registry, "torch", name, LARGE, 1)
        if name in OF_TORCH:
            contenders[f"{name} foreach"] = theirs(OF_TORCH[name], LARGE, foreach=True)
    times = measure(contenders, rounds)
    print(f"\nPyTorch on the CPU, {LARGE.size:,} parameters\n")
    print("| optimizer | µs a step | torch.optim, foreach | of that |")
    print("|---|---:|---:|---:|")
    for name in names:
        foreach = times.get(f"{name} foreach")
        beside = f"{foreach:.0f} | {times[name] / foreach:.2f}" if foreach else "| "
        print(f"| {name} | {times[name]:.0f} | {beside} |")


def main() -> None:
    registry = load_registry()
    scopes = (Scope.ELEMENT, Scope.TENSOR, Scope.VECTOR)
    names = [*registry.names("optimizer"), *registry.names("wrapper")]
    measured = [name for name in names if component(registry, name).scope in scopes]
    parser = argparse.ArgumentParser()
    parser.add_argument("--rounds", type=int, default=15)
    parser.add_argument("--names", nargs="+", default=measured, choices=measured, metavar="NAME")
    options = parser.parse_args()
    torch.set_num_threads(1)
    for table in (on_numpy, on_torch):
        table(registry, options.names, options.rounds)
        gc.collect()


if __name__ == "__main__":
    main()
