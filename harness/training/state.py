"""The state of a stack in training: each run has a row of every array.

Rows are ordered by update rule, so the runs of each rule are neighbours.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from itertools import groupby
from typing import Any

import numpy as np

from harness.contracts import Array, array_namespace
from harness.evaluation.stopping import EarlyStopping
from harness.update.scopes import concat, select

__all__ = ["StackState"]


@dataclass
class StackState:
    """The state of R runs in training. All (R,) arrays are on the host.

    Attributes:
        rules: Key of each run's update rule, sorted.
        runs: Position of each run among all runs of the loop, (R,).
        epochs: Epochs that each run has done, (R,).
        theta: Parameters, (R, P).
        best: Parameters of the best epoch so far, (R, P); before the first epoch the initial ones.
        best_epoch: Best epoch so far, (R,); 0 before the first.
        extra_gradients: Gradients that each run has taken beside one a step, (R,).
        history: Watched validation metric of each run after each of its epochs, lower being better;
            empty without validation.
        stopping: Early stopping of the runs.
        rule_state: What the wrappers and rules of each chain remember; see `Chain`.
    """

    rules: list[str]
    runs: np.ndarray
    epochs: np.ndarray
    theta: Array
    best: Array
    best_epoch: np.ndarray
    extra_gradients: np.ndarray
    history: list[list[float]]
    stopping: EarlyStopping
    rule_state: list[Any]

    def select(self, rows: np.ndarray, to_device: Callable[[np.ndarray], Array]) -> StackState:
        """The state of some of the runs.

        Args:
            rows: Their row numbers, in ascending order.
            to_device: Brings an array to the device.
        """
        on_device = to_device(rows)
        rule_state = []
        for (_, members), chain_state in zip(
            groupby(range(len(self.rules)), self._rule), self.rule_state, strict=True
        ):
            chain_rows = list(members)
            first, last = chain_rows[0], chain_rows[-1]
            staying = rows[(rows >= first) & (rows <= last)] - first
            if staying.size:
                rule_state.append(select(chain_state, to_device(staying)))
        return StackState(
            rules=[self.rules[row] for row in rows],
            runs=self.runs[rows],
            epochs=self.epochs[rows],
            theta=self.theta[on_device],
            best=self.best[on_device],
            best_epoch=self.best_epoch[rows],
            extra_gradients=self.extra_gradients[rows],
            history=[self.history[row] for row in rows],
            stopping=self.stopping.select(rows),
            rule_state=rule_state,
        )

    def concat(self, other: StackState, to_device: Callable[[np.ndarray], Array]) -> StackState:
        """The state of these runs and of others, which come after these of the same rule.

        Args:
            other: State of the others.
            to_device: Brings an array to the device.
        """
        rules = [*self.rules, *other.rules]
        order = np.array(sorted(range(len(rules)), key=rules.__getitem__))  # a stable sort
        on_device = to_device(order)
        self_state = dict(zip(dict.fromkeys(self.rules), self.rule_state, strict=True))
        other_state = dict(zip(dict.fromkeys(other.rules), other.rule_state, strict=True))
        xp = array_namespace(self.theta)
        return StackState(
            rules=sorted(rules),
            runs=np.concatenate([self.runs, other.runs])[order],
            epochs=np.concatenate([self.epochs, other.epochs])[order],
            theta=xp.concat([self.theta, other.theta])[on_device],
            best=xp.concat([self.best, other.best])[on_device],
            best_epoch=np.concatenate([self.best_epoch, other.best_epoch])[order],
            extra_gradients=np.concatenate([self.extra_gradients, other.extra_gradients])[order],
            history=[[*self.history, *other.history][row] for row in order],
            stopping=self.stopping.concat(other.stopping).select(order),
            rule_state=[
                _concat(self_state.get(rule), other_state.get(rule)) for rule in sorted(set(rules))
            ],
        )

    def _rule(self, row: int) -> str:
        return self.rules[row]


def _concat(rule_state: Any, other: Any) -> Any:
    """The state of a rule for both; None stands for no runs."""
    if rule_state is None or other is None:
        return other if rule_state is None else rule_state
    return concat(rule_state, other)
