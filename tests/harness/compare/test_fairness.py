"""What is refused, and what is then allowed by name."""

from __future__ import annotations

import pytest

from harness.compare.fairness import check_fairness
from harness.compare.loaded_runs import load_runs
from harness.compare.source import Source
from harness.compare.trials import chosen_settings, scoring_runs, trials_of
from harness.errors import ConfigurationError

pytestmark = pytest.mark.slow

SHORT = ["network.hidden=[4]", "training.max_epochs=2", "dataset=moons", "seed=0,1"]


def judged(uri, *allowed, **options):
    loaded = load_runs(Source(uri, "harness", everything=True), ["optimizer"], **options)
    chosen = chosen_settings(trials_of(loaded), loaded.question.maximize)
    return check_fairness(allowed, loaded, chosen, scoring_runs(loaded, chosen))


def test_equal_contenders_are_not_refused(grid):
    assert judged(grid) == []


@pytest.mark.parametrize(
    ("name", "sweeps", "message"),
    [
        (
            "budgets",
            [
                ["optimizer=sgd", "optimizer.lr=0.1,0.01,0.001"],
                ["optimizer=adam", "optimizer.lr=0.1,0.01"],
            ],
            "budgets: unequal numbers of trials on moons: sgd 3, adam 2",
        ),
        (
            "budgets",
            [["optimizer=sgd", "seed=0,1,2"], ["optimizer=adam", "seed=0,1"]],
            "budgets: unequal numbers of seeds a trial on moons: sgd 3, adam 2",
        ),
        (
            "epochs",
            [["optimizer=sgd", "training.max_epochs=3"], ["optimizer=adam"]],
            "epochs: training.max_epochs differs on moons: sgd 3; adam 2",
        ),
        (
            "settings",
            [["optimizer=sgd", "training.batch_size=16"], ["optimizer=adam"]],
            "settings: training.batch_size differs on moons: sgd 16; adam 32",
        ),
        (
            "data",
            [["optimizer=sgd,adam"], ["optimizer=sgd,adam", "dataset.noise=0.2"]],
            "data: 2 different rows under the name moons",
        ),
    ],
)
def test_what_is_unequal_is_refused_unless_it_is_allowed(train_sweeps, name, sweeps, message):
    uri = train_sweeps(*([*SHORT, *sweep] for sweep in sweeps))
    with pytest.raises(ConfigurationError, match=f"--allow {name}") as refused:
        judged(uri)
    assert message in str(refused.value)
    assert any(message.partition(": ")[2] in text for text in judged(uri, name))


def test_a_key_that_is_tuned_for_all_is_no_difference(train_sweeps):
    uri = train_sweeps([*SHORT, "optimizer=sgd,adam", "training.batch_size=16,32"])
    assert judged(uri) == []


def test_an_unknown_inequality(grid):
    with pytest.raises(
        ConfigurationError, match=r"Unknown inequality to allow 'bugdets'.*'budgets'"
    ):
        judged(grid, "bugdets")
