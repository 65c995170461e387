"""Two factors, against a textbook's analysis of variance."""

from __future__ import annotations

import numpy as np
import pytest

from harness.compare.statistics.bootstrap import independently, jointly
from harness.compare.statistics.interaction import (
    interaction,
    interaction_test,
    paired_interaction_test,
)

INF = np.inf

# Montgomery, Design and Analysis of Experiments, Example 5.1: life of a battery in hours, by material
# (rows) and temperature (columns)
BATTERY = [
    [[130, 155, 74, 180], [34, 40, 80, 75], [20, 70, 82, 58]],
    [[150, 188, 159, 126], [136, 122, 106, 115], [25, 70, 58, 45]],
    [[138, 110, 168, 160], [174, 120, 150, 139], [96, 104, 82, 60]],
]


def rng(seed=0):
    return np.random.default_rng(seed)


def table_of(numbers):
    """Each cell a sample of one task."""
    return [[[np.array(cell, dtype=float)] for cell in row] for row in numbers]


def test_montgomerys_battery():
    table = table_of(BATTERY)
    result = interaction_test(table)
    assert (result.between, result.within) == (4, 27)
    assert result.statistic == pytest.approx(3.56, abs=0.005)
    assert result.p == pytest.approx(0.0186, abs=5e-5)
    effects = interaction(table, independently, rng(), resamples=10).effects
    assert 4 * (effects**2).sum() == pytest.approx(9613.78, abs=0.005)  # SS of the interaction


def test_the_means_of_the_battery():
    result = interaction(table_of(BATTERY), independently, rng(), resamples=10)
    np.testing.assert_allclose(result.means[0], [134.75, 57.25, 57.5])
    np.testing.assert_allclose(result.rows, [83.1667, 108.3333, 125.0833], atol=1e-4)
    np.testing.assert_allclose(result.columns, [144.8333, 107.5833, 64.1667], atol=1e-4)
    assert result.grand == pytest.approx(105.5278, abs=1e-4)
    np.testing.assert_array_equal(result.runs, 4)
    np.testing.assert_array_equal(result.diverged, 0)


def test_effects_cancel_in_every_row_and_column():
    result = interaction(table_of(BATTERY), independently, rng(), resamples=10)
    np.testing.assert_allclose(result.effects.sum(axis=0), 0, atol=1e-9)
    np.testing.assert_allclose(result.effects.sum(axis=1), 0, atol=1e-9)


def test_where_rows_differ_by_the_same_everywhere_there_is_no_interaction():
    base = rng(1).normal(size=5)
    table = [[[base + row + column] for column in (0.0, 2.0)] for row in (0.0, 1.0, 5.0)]
    result = interaction(table, jointly, rng())
    for effect in (result.effects, result.low, result.high):
        np.testing.assert_allclose(effect, 0, atol=1e-12)
    assert interaction_test(table).p == pytest.approx(1)


def test_its_intervals_cover_the_effect():
    """A 2×2 table with effect 0.5 from 20 runs a cell, 200 times; percentile intervals cover 93 %."""
    truth = np.array([[0.5, -0.5], [-0.5, 0.5]])
    generator = rng(3)
    hits = 0
    for _ in range(200):
        table = [[[generator.normal(effect, 1, size=20)] for effect in row] for row in truth]
        result = interaction(table, independently, generator, resamples=400)
        hits += result.low[0, 0] <= 0.5 <= result.high[0, 0]
    assert hits / 200 == pytest.approx(0.93, abs=0.055)


def test_under_the_null_hypothesis_the_f_test_keeps_its_level():
    generator = rng(4)
    p = [
        interaction_test(
            [
                [[generator.normal(i + j, 1, size=3) for _ in range(2)] for i in range(2)]
                for j in range(3)
            ]
        ).p
        for _ in range(600)
    ]
    assert np.mean(np.array(p) <= 0.05) == pytest.approx(0.05, abs=0.027)
    assert np.mean(p) == pytest.approx(0.5, abs=0.04)


def test_several_tasks_are_averaged_and_their_level_is_no_error():
    table = [
        [[np.array(cell, float), np.array(cell, float) + 1e3] for cell in row] for row in BATTERY
    ]
    result = interaction_test(table)
    assert result.within == 54
    # the same effects from twice the runs with the same spread
    assert result.statistic == pytest.approx(2 * interaction_test(table_of(BATTERY)).statistic)


def test_diverged_runs_are_counted_and_left_out():
    table = table_of([[[1.0, 3.0, -INF], [4.0, 4.0, 4.0]], [[5.0, 5.0, 5.0], [3.0, 3.0, 3.0]]])
    result = interaction(table, independently, rng())
    np.testing.assert_array_equal(result.means, [[2, 4], [5, 3]])
    np.testing.assert_array_equal(result.runs, 3)
    np.testing.assert_array_equal(result.diverged, [[1, 0], [0, 0]])
    assert np.isnan(interaction_test(table).p)


def test_a_cell_that_always_diverged_leaves_the_others_their_means():
    table = table_of([[[1.0, 3.0], [-INF, -INF]], [[5.0, 5.0], [3.0, 3.0]]])
    result = interaction(table, independently, rng())
    np.testing.assert_array_equal(result.means, [[2, np.nan], [5, 3]])
    np.testing.assert_array_equal(result.rows, [np.nan, 4])
    np.testing.assert_array_equal(result.columns, [3.5, np.nan])
    assert np.isnan([result.effects, result.low, result.high]).all()


@pytest.mark.parametrize(
    "cells",
    [
        [[[1, 2], [3, 4]], [[5, 6], [7, 8, 9]]],  # not balanced
        [[[1], [3]], [[5], [7]]],  # no error to hold it against
        [[[1, 2], [3, 4]]],  # one level
        [[[0.1, 0.1, 0.1], [0.2, 0.2, 0.2]], [[0.3, 0.3, 0.3], [0.7, 0.7, 0.7]]],  # no variance
    ],
)
def test_where_there_is_no_f_test_it_is_nan(cells):
    assert np.isnan(interaction_test(table_of(cells)).p)


def test_single_runs_have_effects_and_no_intervals():
    result = interaction(table_of([[[1], [2]], [[3], [8]]]), independently, rng())
    np.testing.assert_array_equal(result.effects, [[1, -1], [-1, 1]])
    assert np.isnan([result.low, result.high]).all()


# --- cells that share their seeds -----------------------------------------------------------------


def shared_seeds(generator, seeds, deviations, shared=0.5, effect=0.0, tasks=1):
    """Normal scores of cells with these standard deviations, of which seeds explain a share."""
    own = [[generator.normal(size=(tasks, seeds)) for _ in row] for row in deviations]
    common = np.sqrt(shared) * generator.normal(size=(tasks, seeds))
    return [
        [
            list(common + np.sqrt(1 - shared) * deviation * own[i][j] + effect * (i == j == 0))
            for j, deviation in enumerate(row)
        ]
        for i, row in enumerate(deviations)
    ]


def test_of_two_levels_each_it_is_students_paired_t():
    from scipy import stats

    table = shared_seeds(rng(5), 6, [[1, 1], [1, 1]], effect=0.8)
    (a, b), (c, d) = ([cell[0] for cell in row] for row in table)
    theirs = stats.ttest_1samp(a - b - c + d, 0)
    found = paired_interaction_test(table)
    assert found.statistic == pytest.approx(theirs.statistic**2)
    assert found.p == pytest.approx(theirs.pvalue)
    assert (found.between, found.within) == (1, 5)


@pytest.mark.parametrize("shared", [0.0, 0.5, 0.95])
@pytest.mark.parametrize("largest", [1, 6])
def test_where_seeds_are_shared_the_test_keeps_its_level(shared, largest):
    """Also where one cell varies six times as much. 600 tables: 5 % with a standard error of 0.9 %."""
    generator = rng(6)
    deviations = [[largest, 1, 1], [1, 1, 1], [1, 1, 1]]
    p = [
        paired_interaction_test(shared_seeds(generator, 8, deviations, shared)).p
        for _ in range(600)
    ]
    assert np.mean(np.array(p) <= 0.05) == pytest.approx(0.05, abs=0.027)
    assert np.mean(p) == pytest.approx(0.5, abs=0.04)


def test_what_seeds_do_to_all_cells_does_not_hide_an_interaction():
    table = shared_seeds(rng(7), 12, np.full((3, 3), 1.0), shared=0.97, effect=0.7)
    assert interaction_test(table).p > 0.05
    assert paired_interaction_test(table).p < 0.01


def test_seeds_shared_on_several_tasks_are_averaged():
    table = shared_seeds(rng(8), 7, [[1, 1], [1, 1]], tasks=3, effect=1.0)
    mean = [[[np.mean(cell, axis=0)] for cell in row] for row in table]
    assert paired_interaction_test(table) == paired_interaction_test(mean)


@pytest.mark.parametrize(
    "cells",
    [
        [[[1, 2], [3, 4]], [[5, 6], [7, 8, 9]]],  # not balanced
        [[[1], [3]], [[5], [7]]],  # one seed
        [[[1, 2], [3, 4]]],  # one level
        [[[0.1, 0.1, 0.1], [0.2, 0.2, 0.2]], [[0.3, 0.3, 0.3], [0.7, 0.7, 0.7]]],  # no variance
        [[[0.1, 0.2, 0.3], [0.2, 0.3, 0.4]], [[0.3, 0.4, 0.5], [0.7, 0.8, 0.9]]],  # none but seeds'
        [[[1, 2, -INF], [3, 4, 5]], [[5, 6, 8], [7, 8, 9]]],  # diverged
        [[[1, 2, 4, 3]] * 3] * 3,  # four contrasts of four seeds
    ],
)
def test_where_there_is_no_paired_test_it_is_nan(cells):
    assert np.isnan(paired_interaction_test(table_of(cells)).p)
