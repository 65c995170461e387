"""Which runs train together, and what a stack of them shares.

Runs of one stack share every shape: the data, the network, the batch size, the backend, the loss and
the terms of the objective. They may differ in seed, initializers, optimizer, schedule, stopping, in
the number of epochs and in the values of λ, β and the clipping norm.
"""

from __future__ import annotations

import copy
import dataclasses
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from harness.contracts import Block, Horizon
from harness.fields import float_fields
from harness.objective import Objective, Term
from harness.randomness import order, weight_rngs
from harness.settings import Config, Run

__all__ = ["Stack", "plan_stacks"]


def plan_stacks(runs: Sequence[Run], limit: int = 256) -> list[list[int]]:
    """The positions of the runs that train together, stack by stack.

    limit: the most runs of a stack. Rows are ordered so that runs with the same update rule are
    neighbours.
    """
    groups: dict[str, list[int]] = {}
    for position, run in enumerate(runs):
        groups.setdefault(_signature(run.config), []).append(position)
    stacks = []
    for members in groups.values():
        members.sort(key=lambda position: (_rule_key(runs[position].config), position))
        stacks += [members[start : start + limit] for start in range(0, len(members), limit)]
    return stacks


def _signature(config: Config) -> str:
    """Equal for runs that may share a stack. (Components are dataclasses: their repr is complete.)"""
    return repr(
        (
            config.backend,
            config.dataset,
            config.split,
            config.network,
            config.loss,
            sorted(config.objective.factors),
            config.objective.weight_decay != 0,
            config.training.batch_size,
            config.training.clip_norm is None,
            config.training.stopping.metric,
            config.training.stopping.maximize,
        )
    )


def _rule_key(config: Config) -> str:
    """Equal for runs whose update rules run as one: same class, same fields but for the floats."""
    rule = config.optimizer
    floats = float_fields(rule)
    fixed = [
        (f.name, getattr(rule, f.name)) for f in dataclasses.fields(rule) if f.name not in floats
    ]
    return repr((type(rule).__module__, type(rule).__qualname__, fixed))


@dataclass(frozen=True)
class Stack:
    """Runs that train together, in the order of the leading axis."""

    runs: tuple[Run, ...]

    @property
    def shared(self) -> Run:
        """Any one of the runs, for what they have in common."""
        return self.runs[0]

    @property
    def configs(self) -> list[Config]:
        """The configuration of each run."""
        return [run.config for run in self.runs]

    def part(self, positions: Iterable[int]) -> Stack:
        """The stack of some of the runs."""
        return Stack(tuple(self.runs[position] for position in positions))

    @cached_property
    def blocks(self) -> list[Block]:
        """Neighbouring runs with the same update rule, as one rule."""
        blocks: list[Block] = []
        keys = [_rule_key(config) for config in self.configs]
        start = 0
        for stop in range(1, len(keys) + 1):
            if stop == len(keys) or keys[stop] != keys[start]:
                rules = [config.optimizer for config in self.configs[start:stop]]
                blocks.append(Block(slice(start, stop), _merged(rules)))
                start = stop
        return blocks

    @cached_property
    def objective(self) -> Objective:
        """The combined loss, its factors on the host."""
        shared = self.shared
        return Objective(
            name=shared.names["loss"],
            loss=shared.config.loss,
            auxiliary=tuple(
                Term(
                    name,
                    component,
                    np.array([config.objective.factors[name] for config in self.configs]),
                )
                for name, component in shared.auxiliary.items()
            ),
            weight_decay=self._floats(lambda config: config.objective.weight_decay)
            if shared.config.objective.weight_decay
            else None,
        )

    @cached_property
    def clip_norm(self) -> np.ndarray | None:
        """The largest gradient norm of each run, (R, 1); None without clipping."""
        if self.shared.config.training.clip_norm is None:
            return None
        return self._floats(lambda config: config.training.clip_norm)[:, None]

    def initial_theta(self, network: Any) -> np.ndarray:
        """θ before training, (R, P) float64."""
        depth = len(network.layers)
        return np.stack(
            [
                network.initial(
                    config.initializer, config.bias_initializer, weight_rngs(config.seed, depth)
                )
                for config in self.configs
            ]
        )

    def order(self, epoch: int, samples: int) -> np.ndarray:
        """The rows of an epoch in the order of each run, (R, N); (N,) where all runs share it."""
        seeds = {config.seed for config in self.configs}
        orders = {seed: order(seed, epoch, samples) for seed in seeds}
        if len(seeds) == 1:
            return orders[self.shared.config.seed]
        return np.stack([orders[config.seed] for config in self.configs])

    def rates(self, epoch: int, steps: int, batch_size: int) -> np.ndarray:
        """The learning rate of each step of an epoch (from 1) and run, (S, R)."""
        step = np.arange((epoch - 1) * steps, epoch * steps, dtype=np.float64)
        return np.stack(
            [_rates(config, step, steps, batch_size) for config in self.configs], axis=1
        )

    def _floats(self, value: Any) -> np.ndarray:
        return np.array([value(config) for config in self.configs], dtype=np.float64)


def _merged(rules: list[Any]) -> Any:
    """One rule whose float fields are (rows, 1) arrays where the given ones differ."""
    merged = copy.copy(rules[0])
    for name in float_fields(merged):
        values = [getattr(rule, name) for rule in rules]
        if any(value != values[0] for value in values):
            # past __post_init__: each of the rules has been checked by itself
            object.__setattr__(merged, name, np.array(values, dtype=np.float64)[:, None])
    return merged


def _rates(config: Config, step: np.ndarray, steps_per_epoch: int, batch_size: int) -> np.ndarray:
    """Linear scaling with the batch × linear warm-up, then the schedule over what is left."""
    training = config.training
    scale = batch_size / training.reference_batch_size if training.reference_batch_size else 1.0
    warmup = training.warmup_epochs * steps_per_epoch
    horizon = Horizon(steps_per_epoch, max(training.max_epochs - training.warmup_epochs, 0.0))
    scheduled = config.schedule.factor(np.maximum(step - warmup, 0.0), horizon)
    ramp = np.minimum((step + 1) / warmup, 1.0) if warmup else 1.0
    return config.optimizer.lr * scale * ramp * np.where(step < warmup, 1.0, scheduled)
