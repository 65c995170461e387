"""What the trials varied."""

from __future__ import annotations

import numpy as np
import pytest
from pandas import Series

from harness.compare.pictures.trials import mean_by_setting, numbers, rate_key, varied


def test_the_hyperparameters_are_the_columns_that_not_all_frames_have(three, empty):
    assert rate_key(three.trials) == "optimizer.lr"
    assert rate_key(empty.trials) is None
    assert varied(three.trials)[0] in three.trials
    assert varied(empty.trials) == []


@pytest.mark.parametrize(
    ("values", "expected"),
    [(["1e-3", 2, None], [1e-3, 2, np.nan]), (["full", 32], None), ([None, None], None)],
)
def test_values_are_numbers_or_they_are_not(values, expected):
    converted = numbers(Series(values, dtype=object))
    if expected is None:
        assert converted is None
    else:
        np.testing.assert_array_equal(converted, expected)


def test_a_setting_has_the_mean_of_its_converged_runs(two):
    rows = mean_by_setting(two.trials)
    keys = ["contender", "task", "setting"]
    assert len(rows) == two.trials.groupby(keys).ngroups
    for row in rows.head(5).itertuples():
        trials = two.trials.set_index(keys).loc[(row.contender, row.task, row.setting)]
        assert row.validation == pytest.approx(trials["validation"].mean(), nan_ok=True)
        assert row.diverged == pytest.approx(trials["diverged"].astype(float).mean())
