from dataclasses import replace

import pytest

import comparisons
from harness.compare.report.tuning import tuning


def test_what_was_tried_and_chosen():
    comparison = comparisons.two_optimizers()
    adam, sgd = tuning(comparison)
    assert (adam.settings, adam.runs, adam.diverged) == (9, 18, 3)
    assert (sgd.settings, sgd.runs, sgd.diverged) == (9, 18, 1)
    assert adam.best == comparison.trials[comparison.trials.contender == "adam"].validation.max()
    assert (adam.chosen, adam.edges) == ("optimizer.lr=0.003", ())
    assert adam.how == "best of 15 trials on validation"


@pytest.mark.parametrize(
    ("chosen", "edge"),
    [
        ("optimizer.lr=0.0001", "optimizer.lr = 0.0001 is the smallest tried"),
        ("optimizer.lr=1", "optimizer.lr = 1 is the largest tried"),
    ],
)
def test_a_setting_at_the_edge_of_what_was_tried_is_said(chosen, edge):
    comparison = comparisons.two_optimizers()
    comparison = replace(comparison, outcomes=comparison.outcomes.assign(setting=chosen))
    assert tuning(comparison)[0].edges == (edge,)


def test_the_best_loss_is_the_lowest():
    comparison = comparisons.regression()
    assert (
        tuning(comparison)[0].best
        == comparison.trials[comparison.trials.contender == "adam"].validation.min()
    )
