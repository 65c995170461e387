"""What the trials varied, read from the columns of their frame."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pandas import DataFrame, Series

__all__ = ["hyperparameters", "mean_by_setting", "numbers", "rate_key", "short_names", "varied"]

FIXED = ("contender", "task", "setting", "seed", "run_id", "status", "diverged", "validation")


def hyperparameters(trials: DataFrame) -> list[str]:
    """The keys of hyperparameters: the columns that are not common to all frames of trials."""
    return [str(column) for column in trials.columns if column not in FIXED]


def rate_key(trials: DataFrame) -> str | None:
    """The key of the learning rate, if it is among the hyperparameters."""
    return next((k for k in hyperparameters(trials) if k.split(".")[-1] == "lr"), None)


def numbers(values: Series) -> Series | None:
    """The values as floats, missing ones as NaN; None where any value is no number."""
    from pandas import to_numeric

    numeric = to_numeric(values, errors="coerce").astype(float)
    return numeric if numeric.notna().equals(values.notna()) and numeric.notna().any() else None


def varied(trials: DataFrame) -> list[str]:
    """The hyperparameters with two values or more, those with most values first."""
    counts = {key: trials[key].nunique() for key in hyperparameters(trials)}
    keys = [key for key, count in counts.items() if count > 1]
    return sorted(keys, key=lambda key: -counts[key])


def mean_by_setting(trials: DataFrame) -> DataFrame:
    """One row for each setting of a contender on a task: `validation`, the mean score of its runs that
    converged, and `diverged`, the share of its runs that diverged."""
    keys = ["contender", "task", "setting", *hyperparameters(trials)]
    table = trials.assign(diverged=trials["diverged"].astype(float))
    grouped = table.groupby(keys, dropna=False, sort=False)
    return grouped[["validation", "diverged"]].mean().reset_index()


def short_names(keys: list[str]) -> dict[str, str]:
    """The last word of each key, or the whole key where two last words are the same.

    >>> short_names(["optimizer.lr", "batch_size"])
    {'optimizer.lr': 'lr', 'batch_size': 'batch_size'}
    """
    last = [key.split(".")[-1] for key in keys]
    return {k: k if last.count(short) > 1 else short for k, short in zip(keys, last, strict=True)}
