"""Points of the unit cube, random and quasi-random, and the jobs of a search at such points."""

from __future__ import annotations

import math

import numpy as np

from harness.errors import ConfigurationError, unknown_name
from harness.sweep.searching.contenders import SearchPlan

__all__ = ["METHODS", "sampled_jobs", "unit_points"]

METHODS = ("random", "sobol", "halton")

# Drawn for spaces of any usual size, so that a contender's settings do not depend on who else competes
COORDINATES = 32


def unit_points(method: str, trials: int, dimensions: int, seed: int) -> np.ndarray:
    """`trials` points of [0, 1)^dimensions, (trials, dimensions) float64.

    method: "random", independent and uniform; "sobol", balanced best where `trials` is a power of two
    (Sobol 1967, scrambled as in Matousek 1998); "halton", for any number of trials (Halton 1960,
    scrambled as in Owen 2017). Both are SciPy's. The same seed gives the same points, and a longer
    search starts with those of a shorter one. Raises ConfigurationError for an unknown method, trials
    below 1 and a negative seed.
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
        # A power of two at once: SciPy warns of other numbers, whose balance is lost
        engine = qmc.Sobol(coordinates, rng=rng)
        return engine.random_base2(math.ceil(math.log2(trials)))[:trials, :dimensions]
    return qmc.Halton(coordinates, rng=rng).random(trials)[:, :dimensions]


def sampled_jobs(contest: SearchPlan, method: str, trials: int, seed: int) -> list[list[str]]:
    """The overrides of all jobs: each contender at the same points, each point for every seed."""
    dimensions = max(len(contender.space) for contender in contest.contenders)
    points = unit_points(method, trials, dimensions, seed)
    return [
        job
        for contender in contest.contenders
        for point in points.tolist()
        for job in contest.jobs(contender, contender.setting(point))
    ]
