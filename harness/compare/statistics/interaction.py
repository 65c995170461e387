"""Two factors at once: is an optimizer better with every initializer, or do they depend on each other?

Levels i = 1 … r of the first factor, j = 1 … c of the second, a cell of runs for each pair:

    ȳ_ij  mean of a cell    ȳ_i.  of a row    ȳ_.j  of a column    ȳ_..  of all cells
    effect_ij = ȳ_ij − ȳ_i. − ȳ_.j + ȳ_..

Row, column and grand means are means of cell means, each cell with the same weight, whatever its number
of runs. Cell means are of the converged runs, averaged over tasks as every mean here. A cell without
converged runs is NaN, and so are its row, its column and all effects, which need the whole table; the
other cells still have their means.

Whether there is an interaction at all is tested by F where the runs of all cells are independent, and by
Hotelling's T² where cells share their seeds. What a seed does to all cells then cancels in the effects;
F takes it for error, and would find next to nothing.

Sources: Montgomery, Design and Analysis of Experiments, Section 5.3 (the two-factor factorial design);
Hotelling, The Generalization of Student's Ratio, Annals of Mathematical Statistics 1931; for contrasts
of repeated measures, Johnson & Wichern, Applied Multivariate Statistical Analysis, Section 6.2.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy.linalg import helmert
from scipy.stats import f

from harness.compare.statistics.aggregates import mean
from harness.compare.statistics.bootstrap import (
    CONFIDENCE,
    RESAMPLES,
    Resampler,
    Sample,
    percentiles,
    single_runs,
)

__all__ = ["FTest", "Interaction", "interaction", "interaction_test", "paired_interaction_test"]

Table = Sequence[Sequence[Sample]]  # r rows of c cells, each with an array of scores for each task


@dataclass(frozen=True)
class Interaction:
    """A two-factor table.

    Attributes:
        means: Means of cells, (r, c).
        rows: Means of rows, (r,).
        columns: Means of columns, (c,).
        grand: The mean of all cells.
        effects: Interaction effects, (r, c).
        low: Lower ends of the intervals of the effects, (r, c).
        high: Upper ends, (r, c).
        runs: Number of runs in each cell, (r, c).
        diverged: How many of them diverged, (r, c).
    """

    means: np.ndarray
    rows: np.ndarray
    columns: np.ndarray
    grand: float
    effects: np.ndarray
    low: np.ndarray
    high: np.ndarray
    runs: np.ndarray
    diverged: np.ndarray


@dataclass(frozen=True)
class FTest:
    """A test of no interaction.

    Attributes:
        statistic: F, of MS_interaction / MS_error or of Hotelling's T²; NaN where it is not defined.
        between: Degrees of freedom of the interaction, (r − 1)(c − 1).
        within: Degrees of freedom of the error.
        p: p-value; NaN where the statistic is.
    """

    statistic: float
    between: int
    within: int
    p: float


def interaction(
    table: Table,
    resampler: Resampler,
    rng: np.random.Generator,
    *,
    resamples: int = RESAMPLES,
    confidence: float = CONFIDENCE,
) -> Interaction:
    """Means and interaction effects, with bootstrap intervals (see `bootstrap`).

    >>> from harness.compare.statistics.bootstrap import independently
    >>> table = [[[np.array([1.0, 3.0])], [np.array([4.0, 4.0])]],
    ...          [[np.array([5.0, 5.0])], [np.array([2.0, 4.0])]]]
    >>> result = interaction(table, independently, np.random.default_rng(0))
    >>> result.effects.tolist(), result.rows.tolist(), result.columns.tolist(), result.grand
    ([[-1.0, 1.0], [1.0, -1.0]], [3.0, 4.0], [3.5, 3.5], 3.5)
    """
    shape = len(table), len(table[0])
    cells = [cell for row in table for cell in row]
    means = _means(cells, shape)
    effects = _effects(means)
    if single_runs(cells):
        low = high = np.full(shape, np.nan)
    else:
        drawn = _effects(_means(resampler(cells, rng, resamples), shape))
        low, high = percentiles(drawn, confidence)
    return Interaction(
        means=means,
        rows=means.mean(axis=1),
        columns=means.mean(axis=0),
        grand=float(means.mean()),
        effects=effects,
        low=low,
        high=high,
        runs=np.array([sum(map(len, cell)) for cell in cells]).reshape(shape),
        diverged=np.array([sum(int(np.isneginf(s).sum()) for s in cell) for cell in cells]).reshape(
            shape
        ),
    )


def interaction_test(table: Table) -> FTest:
    """The F test of no interaction, for balanced designs: n runs of each cell on each of T tasks.

        MS_interaction = n T Σ_ij effect_ij² / ((r − 1)(c − 1))
        MS_error       = Σ_tij Σ_k (y_tijk − ȳ_tij)² / (T r c (n − 1))

    With one task it is the test of the two-way analysis of variance, with several a test of the mean
    interaction over these tasks. It assumes independent, normal runs of one variance; cells that share
    their seeds have `paired_interaction_test`. It is NaN where the design is not balanced, a run
    diverged, cells have one run, a factor has one level, or no cell varies.

    >>> table = [[[np.array([1.0, 3.0])], [np.array([4.0, 4.0])]],
    ...          [[np.array([5.0, 5.0])], [np.array([2.0, 4.0])]]]
    >>> result = interaction_test(table)
    >>> result.statistic, result.between, result.within, round(result.p, 4)
    (8.0, 1, 4, 0.0474)
    """
    shape = len(table), len(table[0])
    cells = [cell for row in table for cell in row]
    groups = [scores for cell in cells for scores in cell]
    runs = len(groups[0])
    between = (shape[0] - 1) * (shape[1] - 1)
    within = sum(len(scores) - 1 for scores in groups)
    balanced = all(len(scores) == runs for scores in groups)
    converged = all(np.isfinite(scores).all() for scores in groups)
    varies = any(np.ptp(scores) > 0 for scores in groups) if converged else False
    if not (balanced and varies and between):
        return FTest(np.nan, between, within, np.nan)
    effects = _effects(_means(cells, shape))
    error = sum(float(((scores - scores.mean()) ** 2).sum()) for scores in groups) / within
    statistic = runs * len(cells[0]) * float((effects**2).sum()) / between / error
    return FTest(statistic, between, within, float(f.sf(statistic, between, within)))


def paired_interaction_test(table: Table) -> FTest:
    """Hotelling's test of no interaction, for cells whose runs at the same place share their seed.

        d_k      the (r − 1)(c − 1) independent contrasts of the interaction of seed k, mean over tasks
        T²       = n d̄ᵀ S⁻¹ d̄,   S the covariance of the d_k
        F        = (n − p) / (p (n − 1)) T²,   with p = (r − 1)(c − 1) and n − p degrees of freedom

    Cells may share any part of their variance, and their variances may differ. The contrasts of
    different seeds are assumed to be independent and normal. It is NaN where cells or tasks have unequal
    numbers of runs, a run diverged, there are not more seeds than contrasts, or they do not vary.

    >>> table = [[[np.array([1.0, 3.0, 4.0])], [np.array([2.0, 2.0, 5.0])]],
    ...          [[np.array([4.0, 6.0, 7.0])], [np.array([1.0, 3.0, 4.0])]]]
    >>> result = paired_interaction_test(table)
    >>> round(result.statistic, 3), result.between, result.within, round(result.p, 4)
    (25.0, 1, 2, 0.0377)
    """
    shape = len(table), len(table[0])
    groups = [scores for row in table for cell in row for scores in cell]
    runs, contrasts = len(groups[0]), (shape[0] - 1) * (shape[1] - 1)
    undefined = FTest(np.nan, contrasts, runs - contrasts, np.nan)
    balanced = all(len(scores) == runs for scores in groups)
    if not (balanced and contrasts and runs > contrasts):
        return undefined
    if not all(np.isfinite(scores).all() for scores in groups):
        return undefined
    scores = np.mean([[np.stack(cell) for cell in row] for row in table], axis=2)  # (r, c, runs)
    # Helmert's contrasts, orthonormal: T² is the same for any basis
    by_seed = np.einsum("ai,bj,ijk->kab", helmert(shape[0]), helmert(shape[1]), scores)
    by_seed = by_seed.reshape(runs, contrasts)
    centred = by_seed - by_seed.mean(axis=0)
    rounding = np.abs(scores).max() * runs * np.finfo(float).eps
    if np.linalg.matrix_rank(centred) < contrasts or np.abs(centred).max() <= rounding:
        return undefined
    covariance = centred.T @ centred / (runs - 1)
    mean_contrast = by_seed.mean(axis=0)
    t_squared = runs * float(mean_contrast @ np.linalg.solve(covariance, mean_contrast))
    within = runs - contrasts
    statistic = within / (contrasts * (runs - 1)) * t_squared
    return FTest(statistic, contrasts, within, float(f.sf(statistic, contrasts, within)))


def _means(cells: Sequence[Sample], shape: tuple[int, int]) -> np.ndarray:
    """The cell means, (..., r, c)."""
    means = np.stack([mean(cell) for cell in cells], axis=-1)
    return means.reshape(*means.shape[:-1], *shape)


def _effects(means: np.ndarray) -> np.ndarray:
    rows = means.mean(axis=-1, keepdims=True)
    columns = means.mean(axis=-2, keepdims=True)
    effects: np.ndarray = means - rows - columns + means.mean(axis=(-2, -1), keepdims=True)
    return effects
