"""The expected best of k trials."""

from __future__ import annotations

import numpy as np
from pandas import DataFrame

from harness.compare.tables.budget import budget_of


def test_the_budget_of_trials():
    trials = DataFrame(
        [
            ("adam", "moons", f"lr={rate}", seed, score is None, score)
            for rate, scores in {1: (0.4, 0.6), 2: (0.8, 1.0), 3: (0.9, None)}.items()
            for seed, score in enumerate(scores)
        ],
        columns=["contender", "task", "setting", "seed", "diverged", "validation"],
    )
    curve = budget_of(trials, ("adam",), ("moons",), True)
    assert curve["k"].tolist() == [1, 2, 3]
    # Of {0.5, 0.9, diverged}: one of them, if it converged; two; all
    np.testing.assert_allclose(curve["expected"], [0.7, (0.9 + 0.9 + 0.5) / 3, 0.9])
    np.testing.assert_allclose(curve["none"], [1 / 3, 0, 0])
