"""Points and jobs of a search: stratified, reproducible, and the same for each contender."""

from __future__ import annotations

from collections import Counter
from types import SimpleNamespace

import numpy as np
import pytest
from omegaconf import OmegaConf
from scipy import stats
from scipy.stats import qmc

from harness.errors import ConfigurationError
from harness.sweep.searching.contenders import plan_search
from harness.sweep.searching.sampling import METHODS, sampled_jobs, unit_points

CONFIG = OmegaConf.create({"hydra": {"runtime": {"choices": {"optimizer": "adam"}}}})


@pytest.fixture
def plan_of(registry):
    def of(*arguments):
        return plan_search(arguments, None, SimpleNamespace(config_loader=None), CONFIG, registry)

    return of


def cells(values, count):
    """How many values lie in each of `count` equal parts of [0, 1)."""
    return np.bincount((values * count).astype(int), minlength=count)


@pytest.mark.parametrize("trials", [8, 64])
def test_sobol_points_are_stratified_in_every_coordinate(trials):
    points = unit_points("sobol", trials, 10, seed=3)
    for coordinate in points.T:
        assert (cells(coordinate, trials) == 1).all()


@pytest.mark.parametrize(("coordinate", "trials"), [(0, 32), (1, 81), (2, 25), (3, 49)])
def test_halton_points_are_stratified_in_the_base_of_their_coordinate(coordinate, trials):
    points = unit_points("halton", trials, 4, seed=3)
    assert (cells(points[:, coordinate], trials) == 1).all()


@pytest.mark.parametrize("method", ["sobol", "halton"])
def test_quasi_random_points_fill_the_cube_more_evenly_than_random_ones(method):
    random = [qmc.discrepancy(unit_points("random", 64, 4, seed)) for seed in range(20)]
    quasi = [qmc.discrepancy(unit_points(method, 64, 4, seed)) for seed in range(20)]
    assert max(quasi) < min(random)


@pytest.mark.parametrize("method", METHODS)
def test_points_are_uniform(method):
    for coordinate in unit_points(method, 500, 3, seed=0).T:
        assert stats.kstest(coordinate, "uniform").pvalue > 0.01


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("dimensions", [1, 4, 40])
def test_points_follow_from_the_seed_and_a_longer_search_goes_on(method, dimensions):
    points = unit_points(method, 11, dimensions, seed=5)
    assert points.shape == (11, dimensions)
    assert ((points >= 0) & (points < 1)).all()
    np.testing.assert_array_equal(points, unit_points(method, 11, dimensions, seed=5))
    np.testing.assert_array_equal(points[:6], unit_points(method, 6, dimensions, seed=5))
    assert not np.isclose(points, unit_points(method, 11, dimensions, seed=6)).any(axis=1).all()


@pytest.mark.parametrize("method", METHODS)
def test_each_contender_has_the_same_budget_at_the_same_points_for_the_same_seeds(method, plan_of):
    plan = plan_of("optimizer=sgd,adamw", "initializer=he_normal,zeros", "seed=0,1,2")
    jobs = sampled_jobs(plan, method, trials=7, seed=1)
    assert len(jobs) == 4 * 7 * 3
    chosen = [dict(override.split("=", 1) for override in job) for job in jobs]
    shares = Counter((c["optimizer"], c["initializer"], c["seed"]) for c in chosen)
    assert set(shares.values()) == {7}
    rates = {
        (o, i, s): [
            float(c["optimizer.lr"])
            for c in chosen
            if (c["optimizer"], c["initializer"], c["seed"]) == (o, i, s)
        ]
        for o, i, s in shares
    }
    for (optimizer, _, _), values in rates.items():
        assert values == rates[optimizer, "zeros", "0"]  # paired over seeds and initializers
        assert len(set(values)) == 7
        # the same points of the unit cube, each in the optimizer's own decades
        centre = {"sgd": 0.1, "adamw": 1e-3}[optimizer]
        np.testing.assert_allclose(
            np.array(values) / centre, np.array(rates["sgd", "zeros", "0"]) / 0.1, rtol=1e-5
        )


@pytest.mark.parametrize("method", METHODS)
def test_settings_do_not_depend_on_who_else_competes(method, plan_of):
    alone = sampled_jobs(plan_of("optimizer=sgd"), method, 5, seed=0)
    together = sampled_jobs(plan_of("optimizer=adamw,sgd"), method, 5, seed=0)
    assert [job for job in together if "optimizer=sgd" in job] == alone


def test_sampled_rates_are_log_uniform_within_their_range(plan_of):
    jobs = sampled_jobs(plan_of("optimizer=sgd"), "random", 1_000, seed=0)
    rates = [float(job[1].removeprefix("optimizer.lr=")) for job in jobs]
    assert 1e-3 <= min(rates) < max(rates) <= 10
    assert stats.kstest(rates, stats.loguniform(1e-3, 10).cdf).pvalue > 0.05


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("lhs", 4, 2, 0), "Unknown method 'lhs'. Allowed: halton, random, sobol"),
        (("sobol", 0, 2, 0), "'hydra.sweeper.trials' must be 1 or more. Got 0"),
        (("random", 1, 2, -1), "'hydra.sweeper.seed' must be 0 or more. Got -1"),
    ],
)
def test_settings_that_make_no_sense_are_refused(arguments, message):
    with pytest.raises(ConfigurationError, match=message):
        unit_points(*arguments)
