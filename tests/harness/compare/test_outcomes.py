"""Times to target, held against a reading of each run's own metrics.csv."""

from __future__ import annotations

import csv
import math
from dataclasses import replace
from pathlib import Path

import pytest

from harness.compare.loaded_runs import load_runs
from harness.compare.outcomes import curves_of, outcomes_of, targets_of
from harness.compare.source import Source
from harness.compare.trials import chosen_settings, scoring_runs, trials_of
from harness.errors import ConfigurationError

ALONE = ["hydra.launcher.stack_size=1", "training.max_epochs=5", "dataset=moons"]


def outcomes(uri, target=None, metric=None):
    loaded = load_runs(Source(uri, "harness", everything=True), ["optimizer"], metric=metric)
    maximize = loaded.question.maximize
    scoring = scoring_of(loaded)
    curves = curves_of(loaded, scoring)
    targets = targets_of(scoring, maximize, target)
    return loaded, curves, targets, outcomes_of(loaded, scoring, curves, targets)


def scoring_of(loaded):
    chosen = chosen_settings(trials_of(loaded), loaded.question.maximize)
    return scoring_runs(loaded, chosen)


def by_epoch(loaded, run_id):
    """The rows of the run's own file."""
    with (Path(loaded.tags.loc[run_id, "folder"]) / "metrics.csv").open() as file:
        return [{name: float(cell) for name, cell in row.items()} for row in csv.DictReader(file)]


@pytest.mark.parametrize(("metric", "better"), [("accuracy", float.__ge__), ("loss", float.__le__)])
def test_a_run_reaches_its_target_at_the_first_epoch_that_is_as_good(grid, metric, better):
    loaded, curves, targets, table = outcomes(grid, metric=metric)
    assert set(targets) == {"moons", "iris"}
    reached = 0
    for run in table.itertuples():
        rows = by_epoch(loaded, run.run_id)
        curve = curves[curves["run_id"] == run.run_id]
        assert curve["validation"].tolist() == [row[f"validation/{metric}"] for row in rows]
        assert curve["steps"].tolist() == [row["train/steps"] for row in rows]
        assert curve["samples"].tolist() == [row["train/samples"] for row in rows]
        there = [r for r in rows if better(r[f"validation/{metric}"], targets[run.task])]
        assert run.steps == (there[0]["train/steps"] if there else math.inf)
        assert run.samples == (there[0]["train/samples"] if there else math.inf)
        assert run.epochs == len(rows)
        assert math.isnan(run.seconds), "a run of a stack has no time of its own"
        reached += bool(there)
    assert 0 < reached < len(table)


def test_the_target_is_what_half_of_the_runs_reach(grid):
    _, _, targets, table = outcomes(grid)
    for task, target in targets.items():
        scores = table.loc[table["task"] == task, "validation"]
        assert (scores >= target).sum() * 2 >= len(scores)
        assert target in set(scores)


def test_seconds_are_those_of_training_alone(train_sweeps):
    uri = train_sweeps([*ALONE, "optimizer=sgd,adam", "seed=0,1"])
    loaded, curves, targets, table = outcomes(uri, 0.85)
    for run in table.itertuples():
        rows = by_epoch(loaded, run.run_id)
        there = [n for n, row in enumerate(rows) if row["validation/accuracy"] >= 0.85]
        spent = (
            [row["train/epoch_seconds"] for row in rows[: there[0] + 1]] if there else [math.inf]
        )
        assert run.seconds == pytest.approx(math.fsum(spent))
    assert table["seconds"].map(math.isfinite).any()
    assert set(loaded.tags["workers"]) == {"1"}
    unknown = loaded.tags.drop(columns="workers")  # of an earlier version, or on another machine
    for tags in (loaded.tags.assign(workers="2"), unknown):
        beside = outcomes_of(replace(loaded, tags=tags), scoring_of(loaded), curves, targets)
        assert beside["seconds"].isna().all()
        assert beside["steps"].tolist() == table["steps"].tolist()


def test_a_run_that_diverged_never_reaches_a_target(diverging):
    loaded = load_runs(Source(diverging, "harness"), ["optimizer", "optimizer.lr"])
    scoring = scoring_runs(loaded, chosen_settings(trials_of(loaded), True))
    curves = curves_of(loaded, scoring)
    table = outcomes_of(loaded, scoring, curves, targets_of(scoring, True, -1e9))
    assert (table.loc[table["diverged"], ["steps", "samples"]] == math.inf).all(axis=None)
    assert table.loc[~table["diverged"], "steps"].map(math.isfinite).all()


def test_targets_that_are_asked_for(grid):
    assert outcomes(grid, 0.5)[2] == {"moons": 0.5, "iris": 0.5}
    assert outcomes(grid, {"moons": 0.5, "iris": 0.6})[2] == {"moons": 0.5, "iris": 0.6}
    with pytest.raises(ConfigurationError, match=r"Unknown task 'moon'. Did you mean 'moons'"):
        outcomes(grid, {"moon": 0.5})
    with pytest.raises(ConfigurationError, match="No target for iris"):
        outcomes(grid, {"moons": 0.5})
    for given in (math.nan, -math.inf, {"moons": 0.5, "iris": math.inf}):
        with pytest.raises(ConfigurationError, match=r"a finite number\. Got -?(nan|inf)"):
            outcomes(grid, given)
