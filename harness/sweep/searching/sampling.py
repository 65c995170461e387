"""Points of the unit cube, random and quasi-random, and the jobs of a search at such points."""

from __future__ import annotations

import math

import numpy as np

from harness.errors import ConfigurationError, unknown_name
from harness.sweep.searching.contenders import SearchPlan

__all__ = ["METHODS", "sampled_jobs", "unit_points"]

METHODS = ("random", "sobol", "halton")

# Points have at least this many coordinates, so that the settings of a contender do not depend on
# the spaces of the others
COORDINATES = 32


def unit_points(method: str, trials: int, dimensions: int, seed: int) -> np.ndarray:
    """Points of the unit cube. The first points of a seed are the same for any number of them.

    Args:
        method: "random", independent and uniform; "sobol", balanced best where `trials` is a power of
            two (Sobol 1967, scrambled as in Matousek 1998); "halton", for any number of trials (Halton
            1960, scrambled as in Owen 2017). The last two are SciPy's.
        trials: Number of points, 1 or more.
        dimensions: Number of coordinates of a point.
        seed: Seed, 0 or more.

    Returns:
        The points in [0, 1)^dimensions, float64 of shape (trials, dimensions).

    Raises:
        ConfigurationError: For an unknown method, `trials` below 1 and a negative seed.
    """
    if method not in METHODS:
        raise unknown_name("method", method, METHODS)
    if trials < 1:
        raise ConfigurationError(f"'hydra.sweeper.trials' must be 1 or more. Got {trials}.")
    if seed < 0:
        raise ConfigurationError(f"'hydra.sweeper.seed' must be 0 or more. Got {seed}.")
    rng = np.random.default_rng(seed)
    coordinates = max(dimensions, COORDINATES)
    if method == "random":
        return rng.random((trials, coordinates))[:, :dimensions]
    from scipy.stats import qmc

    if method == "sobol":
        # A power of two is drawn: SciPy warns of other numbers, since those are not balanced
        engine = qmc.Sobol(coordinates, rng=rng)
        return engine.random_base2(math.ceil(math.log2(trials)))[:trials, :dimensions]
    return qmc.Halton(coordinates, rng=rng).random(trials)[:, :dimensions]


def sampled_jobs(plan: SearchPlan, method: str, trials: int, seed: int) -> list[list[str]]:
    """The overrides of all jobs: each contender at the same points, each point for every seed."""
    dimensions = max(len(contender.space) for contender in plan.contenders)
    points = unit_points(method, trials, dimensions, seed)
    return [
        job
        for contender in plan.contenders
        for point in points.tolist()
        for job in plan.jobs(contender, contender.setting(point))
    ]
