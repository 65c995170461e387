"""The records of runs that are over: the parameters that they end with, and how good these are."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np

from harness.contracts import Array
from harness.evaluation.diagnostics import UnitMeter
from harness.training.bound_stack import BoundStack
from harness.training.records import Ended, Status
from harness.training.state import StackState

__all__ = ["ended"]


def ended(
    bound: BoundStack, state: StackState, endings: Sequence[Status | None]
) -> Iterator[Ended]:
    """Yields a record of each run that ends, diverged ones first, with its best parameters.

    Args:
        bound: The stack that has trained.
        state: Its state after the last epoch.
        endings: How each run ends, or None where it goes on.
    """
    backend = bound.setup.backend
    for status in (Status.DIVERGED, Status.FINISHED, Status.STOPPED_EARLY, Status.DROPPED):
        rows = np.array([row for row, ending in enumerate(endings) if ending is status], dtype=int)
        if not rows.size:
            continue
        theta = state.best[backend.to_device(rows)]
        metrics: dict[str, np.ndarray] = {}
        if status is not Status.DIVERGED:  # a diverged run's last good parameters are no result
            metrics = _evaluated(bound, theta, rows, with_test=status is not Status.DROPPED)
            metrics["best/epoch"] = state.best_epoch[rows]
        parameters = backend.to_host(theta)
        for index, row in enumerate(rows):
            yield Ended(
                run=int(state.runs[row]),
                status=status,
                epochs=int(state.epochs[row]),
                best_epoch=int(state.best_epoch[row]),
                theta=parameters[index],
                metrics={name: float(values[index]) for name, values in metrics.items()},
            )


def _evaluated(
    bound: BoundStack, theta: Array, rows: np.ndarray, *, with_test: bool
) -> dict[str, np.ndarray]:
    """The metrics of the parameters θ of some rows on each part of the data, by name.

    The test part is read only here, and only for runs that have had all their time.
    """
    setup = bound.setup
    objective = bound.stack.objective.rows(rows).map_factors(setup.backend.to_device)
    parts = {"best/train": "train", "best/validation": "validation"}
    if with_test and bound.stack.shared.config.training.test:
        parts["test"] = "test"
    metrics: dict[str, np.ndarray] = {}
    for prefix, name in parts.items():
        part = setup.data.part(name)
        if not len(part):
            continue
        units = UnitMeter(setup.network.activation) if name == "train" else None
        values = bound.evaluate(theta, objective, part, units)
        metrics |= {f"{prefix}/{metric}": value for metric, value in values.items()}
        if units is not None:
            shares = units.shares(setup.backend)
            metrics |= {f"best/{share}": value for share, value in shares.items()}
    return metrics
