"""What became of the scoring runs: their scores, and when they reached the target.

A target is reached at the first epoch whose validation score is at least as good: the network is
evaluated once an epoch, so times are whole epochs. Steps and samples are those of training. Seconds are
those of training without evaluation and logging, and only runs that had the machine to themselves have
them: runs of a stack share their time, and stacks beside one another slow each other down. A run for
which we do not know has no seconds either.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from harness.compare.loaded_runs import LoadedRuns
from harness.errors import ConfigurationError
from harness.tracking.reading import frames

if TYPE_CHECKING:
    from pandas import DataFrame, Series

__all__ = ["curves_of", "outcomes_of", "targets_of", "trained_alone"]


def curves_of(loaded: LoadedRuns, scoring: DataFrame) -> DataFrame:
    """The validation scores of the scoring runs by epoch: the frame `curves` of a `Comparison`."""
    source = loaded.source
    ids = list(scoring.index)
    curves = frames.metric_history(source.uri, ids, f"validation/{loaded.question.metric.name}")
    curves = curves.rename(columns={"step": "epoch", "value": "validation"})
    for name in ("steps", "samples"):
        # Every epoch has as many as the first
        first = frames.metric_history(source.uri, ids, f"train/{name}", step=1)
        by_run = curves["run_id"].map(first.set_index("run_id")["value"]).astype(float)
        curves[name] = curves["epoch"] * by_run
    for key in ("contender", "task", "seed"):
        curves[key] = curves["run_id"].map(scoring[key])
    columns = ["contender", "task", "seed", "run_id", "epoch", "steps", "samples", "validation"]
    return curves[columns]


def targets_of(
    scoring: DataFrame, maximize: bool, requested: dict[str, float] | float | None
) -> dict[str, float]:
    """The target of each task: the requested one, or else the score that half of all scoring runs
    reach, those that diverged included.

    Args:
        scoring: The scoring runs.
        maximize: Whether higher scores are better.
        requested: The validation score for all tasks, or by task.

    Raises:
        ConfigurationError: A target is of a task that is not there, or is not finite.
    """
    tasks = list(dict.fromkeys(scoring["task"]))
    target_scores = requested.values() if isinstance(requested, dict) else [requested]
    for target in target_scores:
        if target is not None and not np.isfinite(target):
            raise ConfigurationError(
                f"A target is a score that can be reached, a finite number. Got {target}."
            )
    if isinstance(requested, dict):
        for task in requested:
            if task not in tasks:
                from harness.errors import unknown_name

                raise unknown_name("task", task, tasks)
        missing = [task for task in tasks if task not in requested]
        if missing:
            raise ConfigurationError(
                f"No target for {', '.join(missing)}. Give one for every task, as in --target "
                f"{tasks[0]}=0.9, or one number for all."
            )
        return dict(requested)
    if requested is not None:
        return dict.fromkeys(tasks, requested)
    worst = -np.inf if maximize else np.inf
    scores = scoring["validation"].where(~scoring["diverged"], worst)
    half = scores.groupby(scoring["task"]).quantile(
        0.5, interpolation="lower" if maximize else "higher"
    )
    return {task: float(half[task]) for task in tasks if np.isfinite(half[task])}


def outcomes_of(
    loaded: LoadedRuns,
    scoring: DataFrame,
    curves: DataFrame,
    targets: dict[str, float],
) -> DataFrame:
    """The frame `outcomes` of a `Comparison`."""
    outcomes = scoring[
        ["contender", "task", "setting", "seed", "run", "status", "diverged", "validation", "test"]
    ].copy()
    outcomes["chosen"] = scoring["chosen"]
    outcomes["epochs"] = curves.groupby("run_id")["epoch"].max().reindex(outcomes.index)
    reached = _reached(curves, targets, loaded.question.maximize)
    for name in ("steps", "samples"):
        outcomes[name] = reached[name].reindex(outcomes.index).fillna(np.inf)
        outcomes.loc[outcomes["diverged"], name] = np.inf
    outcomes["seconds"] = _seconds(loaded, outcomes, reached["epoch"])
    no_target = ~outcomes["task"].isin(list(targets))
    outcomes.loc[no_target, ["steps", "samples", "seconds"]] = np.nan
    return outcomes.reset_index(names="run_id")


def _reached(curves: DataFrame, targets: dict[str, float], maximize: bool) -> DataFrame:
    """The first epoch of each run at its target: epoch, steps, samples, by run id."""
    target = curves["task"].map(targets).astype(float)  # of no rows too
    reached = curves["validation"] >= target if maximize else curves["validation"] <= target
    first = curves[reached].drop_duplicates("run_id")  # rows are in order of the epochs
    return first.set_index("run_id")[["epoch", "steps", "samples"]]


def _seconds(loaded: LoadedRuns, outcomes: DataFrame, epoch: Series) -> Series:
    """Seconds of training until the epoch; inf if it never came, NaN for runs that were not alone."""
    from pandas import Series

    seconds = Series(np.nan, index=outcomes.index)
    alone = outcomes.index[trained_alone(loaded.tags.loc[outcomes.index])]
    if not len(alone):
        return seconds
    seconds[alone] = np.inf
    times = frames.metric_history(loaded.source.uri, list(alone), "train/epoch_seconds")
    before = times[times["step"] <= times["run_id"].map(epoch)]
    spent = before.groupby("run_id")["value"].sum()
    seconds[spent.index] = spent
    seconds[outcomes.index[outcomes["diverged"]].intersection(alone)] = np.inf
    return seconds


def trained_alone(tags: DataFrame) -> Series:
    """Whether the tags of each run say that it trained in no stack, and with no stack beside it."""
    return (tags.reindex(columns=["stack_size", "workers"]) == "1").all(axis=1)
