"""The runs that train together: what they share, and what each has for itself."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import accumulate, groupby, pairwise
from typing import Any

import numpy as np

from harness.backends import Block
from harness.configuration.settings import Config, Run
from harness.contracts import DataDependentInitializer
from harness.fields import float_fields, kind_of, with_fields
from harness.model.objective import Objective, Term
from harness.randomness import order, weight_rngs
from harness.training.learning_rates import learning_rates
from harness.update.chain import in_turn

__all__ = ["Stack", "rule_key"]

SEEN = 256  # samples that an initializer sees, where it looks at data


def rule_key(config: Config) -> str:
    """A text that is equal for runs whose wrappers and update rules can run as one block.

    They have the same classes, and the same fields apart from the floats.
    """
    return repr([kind_of(part) for part in (config.optimizer, *config.wrapper.values())])


@dataclass(frozen=True)
class Stack:
    """Runs that train together.

    Attributes:
        runs: The runs, in the order of the leading axis of every array.
    """

    runs: tuple[Run, ...]

    @property
    def shared(self) -> Run:
        """One of the runs, which stands for all where they agree."""
        return self.runs[0]

    @property
    def configs(self) -> list[Config]:
        """The configuration of each run."""
        return [run.config for run in self.runs]

    def part(self, positions: Iterable[int]) -> Stack:
        """The stack of the runs at some positions."""
        return Stack(tuple(self.runs[position] for position in positions))

    def epochs_left(self, done: np.ndarray) -> int:
        """The most epochs that any run still has to do.

        Args:
            done: Epochs that each run has done, (R,).
        """
        return max(
            config.training.max_epochs - epochs
            for config, epochs in zip(self.configs, done.tolist(), strict=True)
        )

    @cached_property
    def keys(self) -> list[str]:
        """The key of each run's update rule; see `rule_key`."""
        return [rule_key(config) for config in self.configs]

    @cached_property
    def chains(self) -> list[list[Block]]:
        """A chain for the runs of each rule: its wrappers and itself, in the order of a step."""
        return [self._chain(rows) for rows in self._rows_by_rule]

    @property
    def blocks(self) -> list[Block]:
        """The blocks of all chains."""
        return [block for chain in self.chains for block in chain]

    @property
    def _rows_by_rule(self) -> list[slice]:
        lengths = [len(list(members)) for _, members in groupby(self.keys)]
        starts = [0, *accumulate(lengths)]
        return [slice(*ends) for ends in pairwise(starts)]

    def _chain(self, rows: slice) -> list[Block]:
        configs = self.configs[rows]
        wrappers = configs[0].wrapper
        before, after = in_turn(wrappers)

        def block(name: str) -> Block:
            merged = _merged([config.wrapper[name] for config in configs])
            return Block(rows, merged, wrappers[name].turn)

        rule = Block(rows, _merged([config.optimizer for config in configs]))
        return [*map(block, before), rule, *map(block, after)]

    @cached_property
    def objective(self) -> Objective:
        """The objective of the runs, its factors on the host."""
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

    def initial_theta(self, network: Any, features: np.ndarray | None = None) -> np.ndarray:
        """θ before training, (R, P) float64.

        Args:
            network: Network of all runs.
            features: Features of the training part, (N, F), for initializers that look at data.
        """
        depth = len(network.layers)
        return np.stack(
            [
                network.initial(
                    config.initializer,
                    config.bias_initializer,
                    weight_rngs(config.seed, depth),
                    _seen(config, features),
                )
                for config in self.configs
            ]
        )

    def order(self, epochs: np.ndarray, samples: int) -> np.ndarray:
        """The order of the training samples in an epoch, (R, N); (N,) where all runs share it.

        Args:
            epochs: Number of the epoch of each run, from 1, (R,).
            samples: Rows of the training part, N.
        """
        keys = [(c.seed, epoch) for c, epoch in zip(self.configs, epochs.tolist(), strict=True)]
        orders = {key: order(*key, samples) for key in set(keys)}
        if len(orders) == 1:
            return orders[keys[0]]
        return np.stack([orders[key] for key in keys])

    def rates(
        self,
        epochs: np.ndarray,
        steps: int,
        batch_size: int,
        history: Sequence[Sequence[float]] | None = None,
    ) -> np.ndarray:
        """The learning rate of each step of an epoch and run, (S, R).

        Args:
            epochs: Number of the epoch of each run, from 1, (R,).
            steps: Steps of an epoch, S.
            batch_size: Samples of a step.
            history: Validation metric of each run after each epoch so far, lower being better; by
                default there is none yet.
        """
        step = np.arange(steps, dtype=np.float64)
        return np.stack(
            [
                learning_rates(config, (epoch - 1) * steps + step, steps, batch_size, values)
                for config, epoch, values in zip(
                    self.configs, epochs.tolist(), history or [()] * len(epochs), strict=True
                )
            ],
            axis=1,
        )

    def _floats(self, value: Any) -> np.ndarray:
        return np.array([value(config) for config in self.configs], dtype=np.float64)


def _merged(rules: list[Any]) -> Any:
    """One rule for all, whose float fields are (rows, 1) arrays where theirs differ."""
    by_field = {name: [getattr(rule, name) for rule in rules] for name in float_fields(rules[0])}
    columns = {
        name: np.array(values, dtype=np.float64)[:, None]
        for name, values in by_field.items()
        if any(value != values[0] for value in values)
    }
    return with_fields(rules[0], **columns)


def _seen(config: Config, features: np.ndarray | None) -> np.ndarray | None:
    """The samples that the initializer of a run sees; None where it looks at no data.

    Their number does not depend on the batch size: runs of one seed start alike.
    """
    if features is None or not isinstance(config.initializer, DataDependentInitializer):
        return None
    return features[order(config.seed, 1, len(features))[:SEEN]]
