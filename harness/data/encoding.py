"""Targets in the form that losses take them, and the memory that one-hot columns may take."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from harness.contracts import Data, Task
from harness.errors import ConfigurationError, DataError

__all__ = ["CONTINUOUS", "check_size", "one_hot", "target_form"]

LARGEST = 2**29  # numbers, 4 GiB of float64, that one-hot columns of all rows may be
LARGEST_ALONE = 2**24  # where they have fewer than two rows each

CONTINUOUS = "If the target is a quantity and no class, the task is regression (dataset.task)."


def one_hot(labels: np.ndarray, classes: int) -> np.ndarray:
    """A column of 0 and 1 for each class, (n, classes) float64."""
    targets = np.zeros((len(labels), classes))
    targets[np.arange(len(labels)), labels] = 1
    return targets


def _as_columns(labels: np.ndarray, classes: int) -> np.ndarray:
    return (labels[:, None] if labels.ndim == 1 else labels).astype(np.float64)


def target_form(task: Task, output_activation: str) -> Callable[[np.ndarray, int], np.ndarray]:
    """The function from labels and the number of classes to targets as in `Part`, (n, K) float64."""
    match task, output_activation:
        case ((Task.BINARY | Task.MULTICLASS), "softmax"):
            return one_hot
        case (
            (Task.BINARY, "sigmoid") | (Task.MULTILABEL, "sigmoid") | (Task.REGRESSION, "identity")
        ):
            return _as_columns
    raise ConfigurationError(
        f"A loss with output activation {output_activation!r} does not fit the task "
        f"{task.value!r}. Use one with softmax or sigmoid for binary, softmax for multiclass, "
        f"sigmoid for multilabel, identity for regression."
    )


def check_size(what: str, columns: int, data: Data, hint: str) -> None:
    """Raises DataError where one-hot columns of all rows would take memory without bounds.

    The bound is lower for columns with fewer than two rows each: those grow with the square of the rows.
    """
    rows = len(data.features)
    limit = LARGEST if 2 * columns <= rows else LARGEST_ALONE
    if rows * columns > limit:
        raise DataError(
            f"{data.source}: {what} in {rows:,} rows would be {rows * columns:,} numbers. At most "
            f"{limit:,} are accepted{'' if limit == LARGEST else ' with fewer than two rows for each'}. "
            f"{hint}"
        )
