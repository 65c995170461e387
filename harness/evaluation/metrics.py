"""How good the decisions of R networks are: accuracy, macro F1, R².

They are computed for all runs at once, and agree with scikit-learn's `accuracy_score`,
`f1_score(average="macro", zero_division=0)` and `r2_score`.
"""

from __future__ import annotations

from collections.abc import Set
from dataclasses import dataclass

import numpy as np

from harness.contracts import Task
from harness.errors import unknown_name

__all__ = [
    "ACCURACY",
    "LOSS",
    "MACRO_F1",
    "METRICS",
    "PRIMARY",
    "R2",
    "Metric",
    "decide",
    "evaluate",
    "metric_named",
    "metric_names",
]


@dataclass(frozen=True)
class Metric:
    """A number that runs are judged by.

    Attributes:
        name: Its name in the configuration and, after the part, in the store: `validation/accuracy`.
        label: What sentences and axes call it.
        maximize: Whether higher values are better.
        tasks: The tasks for which it is defined.
        fewest_rows: The number of rows from which on it is defined.
    """

    name: str
    label: str
    maximize: bool = False
    tasks: Set[Task] = frozenset(Task)
    fewest_rows: int = 1


_CLASSIFICATION = frozenset(Task) - {Task.REGRESSION}

ACCURACY = Metric("accuracy", "accuracy", maximize=True, tasks=_CLASSIFICATION)
MACRO_F1 = Metric("macro_f1", "macro_f1", maximize=True, tasks=_CLASSIFICATION)
R2 = Metric("r2", "R²", maximize=True, tasks=frozenset({Task.REGRESSION}), fewest_rows=2)
LOSS = Metric("loss", "loss")  # the whole objective; its terms are logged by their own names

METRICS = {metric.name: metric for metric in (ACCURACY, MACRO_F1, R2, LOSS)}
# A task is judged by the one that is defined for it, where no other is named
PRIMARY = (ACCURACY, R2)

_THRESHOLDS = {"sigmoid": 0.0, "identity": 0.5}  # where a probability of 1/2 lies among outputs


def metric_named(name: str) -> Metric:
    """The metric of a name. What else is logged by epoch is a term of the loss, or a time.

    >>> metric_named("accuracy").maximize, metric_named("squared_error").maximize
    (True, False)
    """
    return METRICS.get(name) or Metric(name, name)


def metric_names(task: Task) -> tuple[str, ...]:
    """What `evaluate` returns for a task, the primary metric first."""
    return tuple(m.name for m in METRICS.values() if task in m.tasks and m is not LOSS)


def evaluate(
    outputs: np.ndarray, targets: np.ndarray, task: Task, output_activation: str
) -> dict[str, np.ndarray]:
    """The metrics of each run, (R,) float64, by name.

    The outputs of a diverged run may be NaN or infinite; its metrics then mean nothing.

    Args:
        outputs: Outputs before the output activation, (R, N, K).
        targets: Targets as in `Data`: class numbers for binary and multiclass, (N,); 0 and 1 for
            multilabel, (N, K); values for regression, (N,) or (N, K).
        task: Task of the data.
        output_activation: Output activation of the main loss.
    """
    if task == Task.REGRESSION:
        return {R2.name: _r2(outputs, targets)}
    decisions = decide(outputs, task, output_activation)
    if task == Task.MULTILABEL:
        return _multilabel(decisions, np.asarray(targets) > 0.5)
    return _single_label(decisions, np.asarray(targets), max(outputs.shape[-1], 2))


def decide(outputs: np.ndarray, task: Task, output_activation: str) -> np.ndarray:
    """The classes that outputs stand for.

    Raises ConfigurationError where outputs of this activation cannot be decided one by one.

    Args:
        outputs: Outputs before the output activation, (R, N, K).
        task: Task of the data.
        output_activation: Output activation of the main loss.

    Returns:
        The number of the largest output, (R, N), for multiclass, and for binary with K = 2. Whether the
        output is above the probability 1/2, (R, N), for binary with K = 1. The same for each output,
        (R, N, K), for multilabel.
    """
    single = outputs.shape[-1] == 1
    if task == Task.MULTICLASS or (task == Task.BINARY and not single):
        return outputs.argmax(axis=-1)
    if output_activation not in _THRESHOLDS:
        raise unknown_name(f"output activation of a {task} task", output_activation, _THRESHOLDS)
    decisions: np.ndarray = outputs > _THRESHOLDS[output_activation]
    return decisions[..., 0] if task == Task.BINARY else decisions


def _single_label(decisions: np.ndarray, labels: np.ndarray, classes: int) -> dict[str, np.ndarray]:
    hits, counts = _hits_and_counts(decisions, labels, classes)
    # A class that is neither among the labels nor among the decisions does not count
    macro_f1 = _f1(hits, counts).sum(axis=1) / np.count_nonzero(counts, axis=1)
    return {ACCURACY.name: hits.sum(axis=1) / len(labels), MACRO_F1.name: macro_f1}


def _hits_and_counts(
    decisions: np.ndarray, labels: np.ndarray, classes: int
) -> tuple[np.ndarray, np.ndarray]:
    """For each class its right decisions, (R, K), and its decisions and labels together, (R, K)."""
    runs, samples = decisions.shape
    offsets = np.arange(runs)[:, None] * classes
    if classes**2 > samples:  # the table below would be larger than the data
        cells = offsets + decisions
        hits = np.bincount(cells[decisions == labels], minlength=runs * classes)
        counts = np.bincount(cells.ravel(), minlength=runs * classes).reshape(runs, classes)
        return hits.reshape(runs, classes), counts + np.bincount(labels, minlength=classes)
    cells = (offsets + labels) * classes + decisions
    confusion = np.bincount(cells.ravel(), minlength=runs * classes**2)
    confusion = confusion.reshape(runs, classes, classes)  # run, true class, decided class
    hits = np.diagonal(confusion, axis1=1, axis2=2)
    return hits, confusion.sum(axis=1) + confusion.sum(axis=2)


def _multilabel(decisions: np.ndarray, labels: np.ndarray) -> dict[str, np.ndarray]:
    """Accuracy of whole rows, as scikit-learn's; F1 over all labels."""
    hits = (decisions & labels).sum(axis=1)
    counts = decisions.sum(axis=1) + labels.sum(axis=0)
    accuracy = (decisions == labels).all(axis=-1).mean(axis=1)
    return {ACCURACY.name: accuracy, MACRO_F1.name: _f1(hits, counts).mean(axis=1)}


def _f1(hits: np.ndarray, counts: np.ndarray) -> np.ndarray:
    """2TP / (2TP + FP + FN) of each class; 0 where all three are 0.

    Args:
        hits: TP.
        counts: Decisions for the class and labels of it, together 2TP + FP + FN.
    """
    return 2 * hits / np.maximum(counts, 1)


def _r2(outputs: np.ndarray, targets: np.ndarray) -> np.ndarray:
    """1 − Σ(y − ŷ)² / Σ(y − ȳ)², the plain mean over the K outputs.

    For a target that is constant but for rounding it is 1 if all predictions are right, else 0; for one
    sample it is NaN.
    """
    values = np.asarray(targets, dtype=float).reshape(len(targets), -1)
    if len(values) < R2.fewest_rows:
        return np.full(len(outputs), np.nan)
    # Of equal values the mean is off by its rounding, so the spread does not tell that they are equal
    largest = np.abs(values).max(axis=0)
    constant = np.ptp(values, axis=0) <= _rounding(targets) * largest
    # Squares of very small or large values are 0 or infinite; in units of the range they are not, and a
    # power of two changes no digit
    _, exponent = np.frexp(np.where(constant, 1.0, np.ptp(values, axis=0)))
    with np.errstate(over="ignore", invalid="ignore"):  # a diverged run
        residual = (np.ldexp(values - outputs, -exponent) ** 2).sum(axis=1)
        spread = (np.ldexp(values - values.mean(axis=0), -exponent) ** 2).sum(axis=0)
        scores = 1 - residual / np.where(constant, 1.0, spread)
        if constant.any():  # rarely: this is computed after every epoch
            right = (np.abs(values - outputs) <= _rounding(outputs) * largest).all(axis=1)
            finite = np.isfinite(outputs).all(axis=1)
            scores = np.where(constant, np.where(right, 1.0, np.where(finite, 0.0, np.nan)), scores)
    return scores.mean(axis=-1)


def _rounding(numbers: np.ndarray) -> float:
    """How far numbers of this type may be from what they stand for, relative to their size."""
    dtype = np.asarray(numbers).dtype
    return 4 * float(np.finfo(dtype if dtype.kind == "f" else float).eps)
