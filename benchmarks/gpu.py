"""How many runs a GPU trains in the time of one plain PyTorch run.

    python benchmarks/gpu.py [--stacks 1 4 16 64 256 1024 4096] [--epochs 20] [--rounds 3]

A plain PyTorch loop (torch.nn, torch.optim.Adam, data on the device, no waiting within an epoch) trains
one network; the PyTorch backend trains stacks of the same network at different learning rates, an epoch
being one call of what `backend.compiled` returns. Float32, 64-64-10 on 1,437 rows, batch 32: the shape
of digits. Both read the loss once an epoch. The capture of a stack, which happens once, is a column of
its own and not in the steps; drawing the orders of the batches, from 16 seeds, is in the steps.

Without a GPU it says so and ends. `--device cpu` runs the same on the CPU, compiled by TorchInductor.
"""

from __future__ import annotations

import argparse
import statistics
import time

import numpy as np
import torch

from harness import Block, Step
from harness.model.network import Network
from harness.model.objective import Objective
from harness_losses import SoftmaxCrossEntropy
from harness_optimizers import Adam
from harness_torch import Torch

SIZES, SAMPLES, BATCH, SEEDS = (64, 64, 10), 1437, 32, 16
STEPS = -(-SAMPLES // BATCH)


def plain(features, labels, device):
    """A function that trains one network for an epoch and waits for the device only at its end."""
    torch.manual_seed(0)
    model = torch.nn.Sequential(
        torch.nn.Linear(SIZES[0], SIZES[1]), torch.nn.ReLU(), torch.nn.Linear(SIZES[1], SIZES[2])
    ).to(device)
    optimizer = torch.optim.Adam(model.parameters())
    loss_of = torch.nn.CrossEntropyLoss()
    x = torch.tensor(features, dtype=torch.float32, device=device)
    y = torch.tensor(labels, device=device)

    def epoch():
        order, total = torch.randperm(len(x), device=device), torch.zeros((), device=device)
        for start in range(0, len(x), BATCH):
            rows = order[start : start + BATCH]
            optimizer.zero_grad()
            loss = loss_of(model(x[rows]), y[rows])
            loss.backward()
            optimizer.step()
            total += loss.detach() * len(rows)
        return total.item()

    return epoch


def stacked(features, labels, runs, backend):
    """A function that trains a stack of runs for an epoch."""
    rng = np.random.default_rng(0)
    network = Network(SIZES, "relu", 0.01, True)
    block = Block(slice(0, runs), Adam())
    step = Step(network, Objective("loss", SoftmaxCrossEntropy()), [block], BATCH)
    data = backend.to_device(features), backend.to_device(np.eye(SIZES[-1])[labels])
    run = backend.compiled(step, *data, 10**9)
    theta = backend.to_device(rng.normal(size=(runs, network.size)) * 0.1)
    state = backend.updater([block], network).init(theta)
    lr = np.broadcast_to(np.geomspace(1e-4, 1e-2, runs), (STEPS, runs))
    t = np.ones((runs, 1))

    def epoch():
        nonlocal theta, state, t
        orders = [rng.permutation(SAMPLES) for _ in range(min(runs, SEEDS))]
        order = np.stack([orders[r % SEEDS] for r in range(runs)]) if runs > 1 else orders[0]
        theta, state, sums = run(theta, state, order, lr, t)
        t = t + STEPS
        return backend.to_host(sums["loss"])

    return epoch


def timed(epoch, epochs, rounds):
    """Seconds of the first epoch, and of a step as the median of the rounds."""
    start = time.perf_counter()
    epoch()
    first = time.perf_counter() - start
    epoch()
    seconds = []
    for _ in range(rounds):
        start = time.perf_counter()
        for _ in range(epochs):
            epoch()
        seconds.append((time.perf_counter() - start) / epochs / STEPS)
    return first, statistics.median(seconds)


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--stacks", type=int, nargs="+", default=[1, 4, 16, 64, 256, 1024, 4096])
    parser.add_argument("--epochs", type=int, default=20)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--device", default="cuda")
    options = parser.parse_args()
    if options.device.startswith("cuda") and not torch.cuda.is_available():
        print(
            f"PyTorch {torch.__version__} finds no CUDA device: there is nothing to measure here."
        )
        return
    on_gpu = options.device.startswith("cuda")
    print(f"{torch.cuda.get_device_name(options.device) if on_gpu else 'CPU'}, {torch.__version__}")
    rng = np.random.default_rng(0)
    features, labels = rng.normal(size=(SAMPLES, SIZES[0])), rng.integers(0, SIZES[-1], SAMPLES)
    _, alone = timed(plain(features, labels, options.device), options.epochs, options.rounds)
    print(
        f"{'':24}{'first epoch, s':>16}{'us a step':>12}{'us a run':>12}{'runs in the time of one':>26}"
    )
    print(f"{'plain PyTorch, one run':24}{'':16}{alone * 1e6:12.1f}{alone * 1e6:12.1f}{1:26.1f}")
    backend = Torch(device=options.device)
    for runs in options.stacks:
        first, step = timed(
            stacked(features, labels, runs, backend), options.epochs, options.rounds
        )
        print(
            f"{f'a stack of {runs}':24}{first:16.2f}{step * 1e6:12.1f}{step / runs * 1e6:12.2f}"
            f"{runs * alone / step:26.1f}",
            flush=True,
        )


if __name__ == "__main__":
    main()
