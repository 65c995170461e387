"""Stacks to train, and the plain loop that compiled and captured steps are compared with."""

from dataclasses import dataclass, replace
from itertools import groupby

import numpy as np
import pytest

from harness import Block, Step, with_fields
from harness.model.network import Network
from harness.model.objective import Objective, Term
from harness.update.chain import Chain
from harness_losses import ConfidencePenalty, HiddenL1, SoftmaxCrossEntropy, ZLoss
from harness_optimizers import Adam, Muon, Sgd
from harness_wrappers import (
    ClipAdaptive,
    ClipNorm,
    ClipValue,
    DecoupledDecay,
    Ema,
    Lookahead,
    Swa,
)


@dataclass(frozen=True)
class Problem:
    """A stack before an epoch. order: (R, N) or (N,). lr: (S, R). t: (R, 1)."""

    step: Step
    features: np.ndarray
    targets: np.ndarray
    theta: np.ndarray
    order: np.ndarray
    lr: np.ndarray
    t: np.ndarray

    def arguments(self, backend):
        """The arguments of a pass, copied."""
        theta = backend.to_device(self.theta)
        state = backend.updater(self.step.blocks, self.step.network).init(theta)
        return theta, state, self.order, self.lr, self.t

    def on_the_data_of(self, other):
        return replace(self, features=other.features, targets=other.targets)

    def data(self, backend):
        return backend.to_device(self.features), backend.to_device(self.targets)

    def by_the_loop(self, backend, epochs=1):
        """θ, and the sums of the terms in the last epoch, by program, chain and objective."""
        step = self.step
        theta, state, order, lr, t = self.arguments(backend)
        features, targets = self.data(backend)
        objective = step.objective.map_factors(backend.to_device)
        program = backend.bind(step.network, step.objective)
        chains = [list(chain) for _, chain in groupby(step.blocks, lambda block: block.rows.start)]
        chain = Chain(chains, backend, step.network, step.objective, range(len(theta)))
        rest = iter(state)
        state = [[[next(rest)] for _ in blocks] for blocks in chains]
        for epoch in range(epochs):
            sums = {}
            for number, rates in enumerate(lr):
                batch = order[..., number * step.batch_size : (number + 1) * step.batch_size]
                x, target = features[backend.to_device(batch)], targets[backend.to_device(batch)]
                forward, gradient = program.gradient(theta, x, target)
                for name, value in objective.terms(forward, target, theta).items():
                    sums[name] = sums.get(name, 0) + backend.to_host(value) * batch.shape[-1]
                now = t + epoch * len(lr) + number
                theta, state = chain.step(theta, gradient, state, rates[:, None], now, (x, target))
        return backend.to_host(theta), sums

    def by_the_pass(self, backend, run, epochs=1):
        theta, state, order, lr, t = self.arguments(backend)
        for epoch in range(epochs):
            theta, state, sums = run(theta, state, order, lr, t + epoch * len(lr))
        return backend.to_host(theta), {
            name: backend.to_host(total) for name, total in sums.items()
        }


def differing(rule, runs, rng):
    """The rule as the core makes it for runs that differ in every float field."""
    columns = {
        name: value * rng.uniform(0.5, 1.0, (runs, 1))
        for name, value in vars(rule).items()
        if isinstance(value, float)
    }
    return with_fields(rule, **columns)


@pytest.fixture(scope="session")
def problem():
    """Makes a stack.

    blocks: (rule, runs) pairs, or ([wrapper, …, rule, …], runs) in the order of a step. shape: samples,
    batch_size, and sizes of the network.
    """

    def make(
        blocks,
        loss=None,
        activation="tanh",
        *,
        auxiliary=True,
        decay=True,
        shared=False,
        seed=0,
        **shape,
    ):
        rng = np.random.default_rng(seed)
        samples, batch_size = shape.get("samples", 21), shape.get("batch_size", 6)
        sizes = shape.get("sizes", (5, 6, 4, 3))
        network = Network(sizes, activation, 0.1, True)
        runs = sum(count for _, count in blocks)
        all_blocks, start = [], 0
        for rules, count in blocks:
            for rule in rules if isinstance(rules, list) else [rules]:
                rule_of_runs = differing(rule, count, rng) if count > 1 else rule
                turn = getattr(rule, "turn", None)
                all_blocks.append(Block(slice(start, start + count), rule_of_runs, turn))
            start += count
        terms = []
        if auxiliary:
            terms = [Term("sparse", HiddenL1(), rng.uniform(0.01, 0.1, runs))]
            if loss is None:
                terms += [
                    Term("confidence", ConfidencePenalty(), rng.uniform(0.1, 0.2, runs)),
                    Term("z", ZLoss(), rng.uniform(0.1, 0.2, runs)),
                ]
        objective = Objective(
            "main",
            loss or SoftmaxCrossEntropy(),
            tuple(terms),
            rng.uniform(0.01, 0.02, runs) if decay else None,
        )
        steps = -(-samples // batch_size)
        orders = np.stack([rng.permutation(samples) for _ in range(runs)])
        order = orders[0] if shared else orders
        order.flags.writeable = False
        return Problem(
            Step(network, objective, all_blocks, batch_size),
            rng.normal(size=(samples, sizes[0])),
            np.eye(sizes[-1])[rng.integers(0, sizes[-1], samples)],
            rng.normal(size=(runs, network.size)) * 0.5,
            order,
            rng.uniform(0.01, 0.1, (steps, runs)),
            rng.integers(1, 30, (runs, 1)).astype(float),
        )

    return make


@pytest.fixture
def wrapped(problem):
    """A stack with wrappers of every scope and turn, and runs that have none."""
    return problem(
        [
            ([ClipAdaptive(), ClipNorm(0.5), DecoupledDecay(0.1), Muon(), Swa(3, 2), Ema()], 2),
            ([ClipValue(0.1), Adam(), Lookahead(2), Ema()], 3),
            (Sgd(), 2),
        ],
        sizes=(5, 4, 3),
        auxiliary=False,
    )


def relative(expected, actual):
    return np.linalg.norm(actual - expected) / np.linalg.norm(expected)


@pytest.fixture(scope="session")
def agree():
    """Compares θ and sums of two ways."""

    def check(expected, actual, tolerance=1e-12):
        assert relative(expected[0], actual[0]) < tolerance
        assert list(expected[1]) == list(actual[1])
        for name, total in expected[1].items():
            assert actual[1][name].dtype == np.float64
            assert relative(total, actual[1][name]) < tolerance, name

    return check
