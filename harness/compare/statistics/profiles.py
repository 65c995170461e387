"""Profiles: the share of workloads, or of runs, that does at least so well.

Times to a target, by solver s (a contender) and workload w (a task):

    r_{s,w} = t_{s,w} / min_s t_{s,w}                 performance ratio, 1 for the fastest
    ρ_s(τ)  = 1/n |{w : r_{s,w} ≤ τ}|                 performance profile
    B_s     = 1/n Σ_w max(0, r_max − r_{s,w}) / (r_max − 1)        benchmark score, in [0, 1]

B_s is the mean of ρ_s(τ) over τ from 1 to r_max, computed exactly instead of on a grid. A target that
was missed has t = inf, and so has a run that diverged; then r = inf. If nobody reached the target,
r = inf for all.

Scores of runs: the run-score distribution F̂(τ), the share of runs that score more than τ.

Sources: Dolan & Moré, Benchmarking Optimization Software with Performance Profiles, Mathematical
Programming 2002; Dahl et al., Benchmarking Neural Network Training Algorithms (AlgoPerf), 2023,
whose r_max is 4; Agarwal et al., Deep Reinforcement Learning at the Edge of the Statistical
Precipice, NeurIPS 2021, Section 4.
"""

from __future__ import annotations

import numpy as np

from harness.compare.statistics.bootstrap import Sample

__all__ = [
    "R_MAX",
    "benchmark_score",
    "performance_profile",
    "performance_ratios",
    "run_score_distribution",
]

R_MAX = 4.0


def performance_ratios(times: np.ndarray) -> np.ndarray:
    """r of each solver and workload.

    Args:
        times: Times to the target, (solvers, workloads), above 0; inf where it was missed.

    >>> performance_ratios(np.array([[10.0, 30.0, np.inf], [20.0, np.inf, np.inf]]))
    array([[ 1.,  1., inf],
           [ 2., inf, inf]])
    """
    best = times.min(axis=0)
    return np.divide(times, best, out=np.full(times.shape, np.inf), where=np.isfinite(times))


def performance_profile(ratios: np.ndarray, tau: np.ndarray) -> np.ndarray:
    """ρ(τ), the share of ratios that are at most τ, (..., T). It steps where τ is one of the ratios.

    Args:
        ratios: Performance ratios, (..., n).
        tau: (T,).

    >>> performance_profile(np.array([[1.0, 2.0, np.inf]]), np.array([1.0, 1.5, 2.0]))
    array([[0.33333333, 0.33333333, 0.66666667]])
    """
    return (ratios[..., None, :] <= tau[:, None]).mean(axis=-1)


def benchmark_score(ratios: np.ndarray, r_max: float = R_MAX) -> np.ndarray:
    """B of each solver, (...).

    Args:
        ratios: Performance ratios, (..., workloads).
        r_max: The ratio from which on a workload scores nothing.

    >>> benchmark_score(np.array([[1.0, 1.0, np.inf], [2.5, np.inf, np.inf]]))
    array([0.66666667, 0.16666667])
    """
    return (np.maximum(0.0, r_max - ratios) / (r_max - 1)).mean(axis=-1)


def run_score_distribution(sample: Sample, tau: np.ndarray) -> np.ndarray:
    """F̂(τ), the share of runs that score more than τ, averaged over tasks, (T,).

    A diverged run exceeds no τ, so that for τ below all scores F̂ is the share of the converged.

    Args:
        sample: An array of scores for each task.
        tau: (T,).

    >>> run_score_distribution([np.array([0.5, 0.9, -np.inf])], np.array([0.0, 0.5, 0.9]))
    array([0.66666667, 0.33333333, 0.        ])
    """
    return np.mean([(scores > tau[:, None]).mean(axis=-1) for scores in sample], axis=0)
