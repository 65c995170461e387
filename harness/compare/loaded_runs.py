"""Loads the runs of a comparison, and says of each which contender, task, setting and seed it has.

Of runs that compute the same (equal identities) the last one that is over counts, as for
`skip_finished`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from harness.compare.factors import factors_of, is_noise, labels, setting_texts, varying
from harness.compare.question import Question
from harness.compare.source import Source, identity_and_phase, select_runs, tuned_factors
from harness.configuration.phase import Phase
from harness.errors import ConfigurationError, unknown_name
from harness.evaluation.metrics import LOSS, PRIMARY, metric_named
from harness.execution.resume import DONE
from harness.tracking.reading import frames
from harness.tracking.reading.logged_runs import LoggedRun
from harness.training.records import Status

if TYPE_CHECKING:
    from pandas import DataFrame, Series

__all__ = ["UNTUNED_SUFFIX", "LoadedRuns", "Source", "load_runs", "was_tuned"]

UNTUNED_SUFFIX = f" ({Phase.UNTUNED})"  # after the name of a contender at its defaults

VALIDATION, TEST = "best/validation/", "test/"


@dataclass(frozen=True)
class LoadedRuns:
    """The runs of a comparison.

    Attributes:
        source: Source that they come from.
        question: The question that they answer; its targets are not known yet.
        runs: One row a run that is over, by run id and in order of the start: contender, task, setting,
            seed (int), phase, status, diverged, validation, test, loss (on validation), run (its name).
        params: All parameters of the same runs, by run id.
        tags: All tags of the same runs, by run id.
        varied: The hyperparameters that vary within a contender.
        sweeps: The MLflow runs of the sweeps themselves.
        left_out: How many runs are left out, by reason.
    """

    source: Source
    question: Question
    runs: DataFrame
    params: DataFrame
    tags: DataFrame
    varied: tuple[str, ...]
    sweeps: tuple[LoggedRun, ...]
    left_out: dict[str, int]


def load_runs(
    source: Source,
    by: Sequence[str],
    tasks: Sequence[str] = ("dataset",),
    metric: str | None = None,
) -> LoadedRuns:
    """The runs of a source, sorted into contenders and tasks.

    Args:
        source: Which runs of which store.
        by: The factors; if empty those components that vary.
        tasks: The keys that make a task.
        metric: What runs are judged by; if None the primary metric that all tasks have.

    Raises:
        ConfigurationError: A key, metric or sweep is not there; the message lists those that are.
        TrackingError: The store cannot be read.
    """
    logged, sweeps = select_runs(source)
    over = [run for run in logged if run.tags.get("status") in DONE]
    # A later run replaces an earlier one of the same identity and phase
    last = {identity_and_phase(run): run for run in over}
    run_ids = [run.run_id for run in last.values()]
    left_out = {
        "failed": sum(run.tags.get("status") == Status.FAILED for run in logged),
        "not over": sum(
            run.tags.get("status") not in DONE and run.tags.get("status") != Status.FAILED
            for run in logged
        ),
        "trained again later": len(over) - len(run_ids),
    }
    if not run_ids:
        counted = ", ".join(f"{count} {reason}" for reason, count in left_out.items() if count)
        raise ConfigurationError(
            f"No run of {source} is over{f' ({counted})' if counted else ''}: there is "
            f"nothing to compare. `harness sweeps` lists what there is."
        )
    names = [metric] if metric else [primary.name for primary in PRIMARY]
    metric_columns = [f"{part}{name}" for part in (VALIDATION, TEST) for name in names]
    columns = list(dict.fromkeys([*metric_columns, f"{VALIDATION}{LOSS.name}"]))
    run_frames = frames.read_frames(source.uri, source.experiment, run_ids, columns)
    for key in (*by, *tasks):
        if key not in run_frames.params:
            raise unknown_name("key of the configuration", key, run_frames.params.columns)
        if key == "seed":
            raise ConfigurationError(
                "'seed' tells runs of one contender apart, and is neither a factor nor a task."
            )
    by = by or tuned_factors(source, sweeps, tasks) or factors_of(run_frames.params, tasks)
    tasks = (*tasks, *_noise_tasks(run_frames.params, by, tasks))
    tasks = [key for key in tasks if key not in by]
    chosen = metric or _metric(run_frames, tasks, source.uri)
    question = Question(tuple(by), metric_named(chosen), tuple(tasks))
    runs, varied = _rows(run_frames, question, source)
    runs["run"] = [run.name for run in last.values()]
    if was_tuned(runs):  # then runs outside of the protocol do not count
        left_out["not of the tuning"] = int((runs["phase"] == Phase.OUTSIDE).sum())
    return LoadedRuns(
        source, question, runs, run_frames.params, run_frames.tags, varied, sweeps, left_out
    )


def was_tuned(runs: DataFrame) -> bool:
    """Whether the runs come from the tuning protocol, which tags each run with its phase."""
    return bool(runs["phase"].isin((Phase.FINAL, Phase.UNTUNED)).any())


def _noise_tasks(params: DataFrame, by: Sequence[str], tasks: Sequence[str]) -> tuple[str, ...]:
    """Seeds of data, or of their split, of which a contender has several for one seed of the training.

    Each of their values is a task then: contenders are compared on the same rows, and none chooses
    those that suit it.
    """
    keys = [key for key in params if is_noise(key) and key not in (*by, *tasks)]
    groups = [params[key].fillna("-") for key in ("seed", *tasks, *by)]
    return tuple(key for key in keys if (params.groupby(groups)[key].nunique() > 1).any())


def _whole(texts: Series) -> Series:
    """Whole numbers, which may be larger than 64 bits hold: then as Python's."""
    from pandas import Series

    numbers = [int(text) for text in texts]
    fits = all(-(2**63) <= number < 2**63 for number in numbers)
    return Series(numbers, index=texts.index, dtype="int64" if fits else "object")


def _metric(run_frames: frames.RunFrames, tasks: Sequence[str], uri: str) -> str:
    """The name of the primary metric that all tasks have. Raises ConfigurationError if there is none."""
    task = labels(run_frames.params, tasks)
    names = [primary.name for primary in PRIMARY]
    tasks_by_metric = {
        name: set(
            task[
                run_frames.metrics.reindex(columns=[f"{VALIDATION}{name}", f"{TEST}{name}"])
                .notna()
                .any(axis=1)
            ]
        )
        for name in names
    }
    # Of a task without scores, the metric that its epochs were judged by, though it was no number
    unscored = task[~task.isin(set().union(*tasks_by_metric.values()))]
    for name in names if len(unscored) else ():
        logged = frames.runs_with_metric(uri, list(unscored.index), f"validation/{name}")
        tasks_by_metric[name] |= set(unscored[list(logged)])
    for name, reached in tasks_by_metric.items():
        tasks_of_others = set().union(*(r for other, r in tasks_by_metric.items() if other != name))
        if reached and not tasks_of_others - reached:
            return name
    judged = [
        f"{', '.join(sorted(reached))} by {name}"
        for name, reached in tasks_by_metric.items()
        if reached
    ]
    ends = set(run_frames.tags["status"])
    none = "every run diverged" if ends == {Status.DIVERGED} else "no run has one"
    raise ConfigurationError(
        f"The tasks have no score in common: {'; '.join(judged) or none}. Compare "
        f"them one by one (--filter \"tags.dataset = 'digits'\"), or name a metric that all of them "
        f"have: --metric loss."
    )


def _rows(
    run_frames: frames.RunFrames, question: Question, source: Source
) -> tuple[DataFrame, tuple[str, ...]]:
    from pandas import DataFrame

    tags, metric = run_frames.tags, question.metric.name
    runs = DataFrame(index=run_frames.params.index)
    base = labels(run_frames.params, question.by)
    runs["task"] = labels(run_frames.params, question.tasks)
    runs["seed"] = _whole(run_frames.params["seed"])
    runs["phase"] = (
        tags["phase"].fillna(Phase.OUTSIDE.value) if "phase" in tags else Phase.OUTSIDE.value
    )
    runs["status"] = tags["status"]
    runs["diverged"] = runs["status"] == Status.DIVERGED
    keys_by_group = varying(
        run_frames.params, [base, runs["task"]], (*question.by, *question.tasks)
    )
    runs["setting"] = setting_texts(run_frames.params, [base, runs["task"]], keys_by_group)
    runs["contender"] = base.where(runs["phase"] != Phase.UNTUNED, base + UNTUNED_SUFFIX)
    for part, name in ((VALIDATION, "validation"), (TEST, "test")):
        values = run_frames.metrics.reindex(columns=[f"{part}{metric}"]).iloc[:, 0].astype(float)
        runs[name] = values.where(~runs["diverged"])
    losses = run_frames.metrics.reindex(columns=[f"{VALIDATION}{LOSS.name}"]).iloc[:, 0]
    runs["loss"] = losses.astype(float).where(~runs["diverged"])
    if not runs["validation"].notna().any() and not runs["test"].notna().any():
        if runs["diverged"].all():
            raise ConfigurationError(f"Every run of {source} diverged: none has a score.")
        sample = frames.read_frames(source.uri, source.experiment, list(runs.index[:100]), None)
        names = [c.removeprefix(VALIDATION) for c in sample.metrics if c.startswith(VALIDATION)]
        names += [c.removeprefix(TEST) for c in sample.metrics if c.startswith(TEST)]
        raise unknown_name("metric", metric, set(names))
    return runs, tuple(dict.fromkeys(key for keys in keys_by_group.values() for key in keys))
