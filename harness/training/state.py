"""What a stack in training has of each run: a row of every array.

Rows are ordered by update rule, so that the runs of each rule are neighbours.
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
    """R runs in training. rules: the key of each row's update rule, sorted.

    runs: the positions of the runs among all. epochs: done so far. theta, best: (R, P), as they are and
    at their best so far, which was after `best_epoch`; 0 before the first. extra_gradients: gradients
    taken beside one a step. history: of each row, the watched validation metric after each of its
    epochs, lower being better; empty without validation.
    state: one a rule; see `Chain`. All (R,) arrays are on the host.
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
    state: list[Any]

    def select(self, rows: np.ndarray, place: Callable[[np.ndarray], Array]) -> StackState:
        """Some of the rows, in their order. place: brings an array to the device."""
        on_device = place(rows)
        state = []
        for (_, members), slots in zip(
            groupby(range(len(self.rules)), self._rule), self.state, strict=True
        ):
            own = list(members)
            staying = rows[(rows >= own[0]) & (rows <= own[-1])] - own[0]
            if staying.size:
                state.append(select(slots, place(staying)))
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
            state=state,
        )

    def concat(self, other: StackState, place: Callable[[np.ndarray], Array]) -> StackState:
        """These rows and the others, which come after these of the same rule."""
        rules = [*self.rules, *other.rules]
        order = np.array(sorted(range(len(rules)), key=rules.__getitem__))  # a stable sort
        on_device = place(order)
        mine = dict(zip(dict.fromkeys(self.rules), self.state, strict=True))
        theirs = dict(zip(dict.fromkeys(other.rules), other.state, strict=True))
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
            state=[_joined(mine.get(rule), theirs.get(rule)) for rule in sorted(set(rules))],
        )

    def _rule(self, row: int) -> str:
        return self.rules[row]


def _joined(state: Any, other: Any) -> Any:
    if state is None or other is None:
        return other if state is None else state
    return concat(state, other)
