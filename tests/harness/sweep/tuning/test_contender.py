"""Which trial of a contender is best, and the overrides of its final runs."""

from __future__ import annotations

import math

import pytest

from harness.errors import ConfigurationError
from harness.search_space import Range
from harness.sweep.searching.contenders import Contender
from harness.sweep.tuning.contender import Trial, TunedContender, Tuning
from harness.training.records import Result, Status

SPACE = {"optimizer.lr": Range(1e-3, 1, "log")}
SGD = Contender("optimizer=sgd", ("dataset=iris", "optimizer=sgd"), SPACE)


def ended(status=Status.FINISHED, **metrics):
    named = {f"best/validation/{name}": value for name, value in metrics.items()}
    return Result("r", "/r", (), {}, status, 1, 1, named)


@pytest.mark.parametrize(
    ("scores", "best"),
    [
        ([(0.5, -1.0), (0.7, -2.0), (0.6, -0.5)], 1),
        ([(0.7, -2.0), (0.7, -1.0), (0.7, -1.0)], 1),  # the lowest loss, then the first
        ([(0.7, None), (0.7, -9.0)], 1),
        ([(-math.inf, -math.inf), (None, None), (0.1, -1.0)], 2),
        ([(-math.inf, -math.inf), (None, None)], None),
    ],
)
def test_the_best_trial_has_the_best_finite_score(scores, best):
    trials = tuple(Trial({"n": str(n)}, (), *score) for n, score in enumerate(scores))
    assert Tuning("tuning", {}, trials).best is (None if best is None else trials[best])


@pytest.mark.parametrize(("metric", "best"), [("accuracy", "0.1"), ("loss", "0.01")])
def test_added_trials_are_scored_by_the_metric(metric, best):
    tuned = TunedContender(SGD, metric, halving=False)
    settings = [{"optimizer.lr": "0.1"}, {"optimizer.lr": "0.01"}]
    runs = [[ended(accuracy=a, loss=loss)] * 2 for a, loss in ((0.9, 0.5), (0.8, 0.25))]
    tuned.add_trials("tuning", settings, runs)
    assert tuned.best.setting == {"optimizer.lr": best}
    assert [trial.loss for trial in tuned.tunings[0].trials] == [-0.5, -0.25]
    assert tuned.maximize is (metric == "accuracy")


def test_a_run_after_tuning_is_not_halved():
    setting = {"optimizer.lr": "0.1"}
    words = ["dataset=iris", "optimizer=sgd", "optimizer.lr=0.1"]
    after = ["seed=3", "tracking.phase=final"]
    plain = TunedContender(SGD, "accuracy", halving=False)
    assert plain.job(setting, 3, "final") == [*words, *after]
    halved = TunedContender(SGD, "accuracy", halving=True)
    assert halved.job(setting, 3, "final") == [*words, "training.halving.factor=null", *after]


def test_a_range_that_cannot_be_extended_is_stuck():
    tuned = TunedContender(SGD, "accuracy", halving=False)
    settings = [{"optimizer.lr": text} for text in ("0.01", "0.1", "0.9")]
    runs = [[ended(accuracy=a, loss=1.0)] for a in (0.1, 0.2, 0.3)]
    tuned.add_trials("tuning", settings, runs)

    def refuse(overrides):
        raise ConfigurationError("too much")

    assert not tuned.extend(refuse)
    assert tuned.stuck == {("optimizer.lr", "high")}
    asked = []
    assert tuned.extend(asked.append)
    assert asked[0][:2] == ["dataset=iris", "optimizer=sgd"]
    assert tuned.contender.space["optimizer.lr"].high > 1


def tuned_in_rounds(*rounds):
    """A contender whose rate was tuned in longer and longer ranges: (low, high, {rate: accuracy})."""
    tuned = TunedContender(SGD, "accuracy", halving=False)
    for number, (low, high, scores) in enumerate(rounds, 1):
        space = {"optimizer.lr": Range(low, high, "log")}
        tuned.contender = Contender(SGD.name, SGD.overrides, space)
        settings = [{"optimizer.lr": str(rate)} for rate in scores]
        runs = [[ended(accuracy=score, loss=1.0)] for score in scores.values()]
        tuned.add_trials(f"tuning-{number}", settings, runs)
    return tuned


def test_a_tuning_in_a_longer_range_that_finds_nothing_better_changes_nothing():
    first = {0.001: 0.5, 0.01: 0.7, 0.1: 0.8, 1.0: 0.9652}
    later = {0.002: 0.5, 0.05: 0.8, 1.5: 0.9499, 30.0: 0.1}
    tuned = tuned_in_rounds((1e-3, 1, first), (1e-3, 31.6, later))
    assert tuned.best.setting == {"optimizer.lr": "1.0"}
    assert not tuned.edges  # larger ones were tried
    assert not tuned.extend(lambda overrides: None)
    better = tuned_in_rounds((1e-3, 1, first), (1e-3, 31.6, later | {1.5: 0.97}))
    assert better.best.setting == {"optimizer.lr": "1.5"}


def test_what_diverges_beyond_the_edge_leaves_the_choice():
    first = {0.001: 0.5, 0.01: 0.7, 0.1: 0.8, 1.0: 0.9}
    tuned = tuned_in_rounds((1e-3, 1, first))
    assert [edge.side for edge in tuned.edges] == ["high"]
    settings = [{"optimizer.lr": rate} for rate in ("0.003", "0.2", "5", "20")]
    diverged = [[ended(Status.DIVERGED)]] * 4
    tuned.contender = Contender(SGD.name, SGD.overrides, {"optimizer.lr": Range(1e-3, 31.6, "log")})
    tuned.add_trials("tuning-2", settings, diverged)
    assert tuned.best.setting == {"optimizer.lr": "1.0"}
    assert not tuned.edges
