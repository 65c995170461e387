"""Contenders ranked within blocks; a block is a task, or a task and a seed.

Mean ranks, Friedman's test of whether they differ at all, and Nemenyi's critical difference, the least
significant difference of two mean ranks:

    CD = q_α √(k (k + 1) / (6 N)),   q_α: the upper α quantile of the studentized range of k, over √2

for k contenders and N blocks. A diverged run has the last rank, together with the others of its
block.

Demšar's blocks are data sets, and his conclusions about data sets in general. Where seeds are
blocks, N is larger and CD smaller, but the conclusion is about these tasks.

Source: Demšar, Statistical Comparisons of Classifiers over Multiple Data Sets, JMLR 2006, Section
3.2.2; Friedman, Journal of the American Statistical Association 1937.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from scipy.stats import friedmanchisquare, rankdata, studentized_range

__all__ = ["Ranking", "critical_difference", "rank_contenders"]


@dataclass(frozen=True)
class Ranking:
    """Mean ranks and whether they differ.

    Attributes:
        ranks: Mean rank of each contender, (contenders,); 1 is best.
        critical: The difference from which on two of them differ significantly.
        statistic: Friedman's χ², corrected for ties.
        p: p-value by the χ² distribution, which is conservative for few blocks.
    """

    ranks: np.ndarray
    critical: float
    statistic: float
    p: float


def rank_contenders(scores: np.ndarray, alpha: float = 0.05) -> Ranking:
    """Ranks the columns of `scores`, (blocks, contenders), row by row; ties share their mean rank.

    Raises ValueError for fewer than three contenders, for which Friedman's test says nothing new.

    >>> ranking = rank_contenders(np.array([[0.9, 0.8, 0.7], [0.9, 0.7, 0.8], [0.6, 0.5, -np.inf]]))
    >>> ranking.ranks.round(3), round(ranking.critical, 3), round(ranking.p, 3)
    (array([1.   , 2.333, 2.667]), 1.914, 0.097)
    """
    blocks, contenders = scores.shape
    if contenders < 3:
        raise ValueError(
            f"Mean ranks need three contenders or more; two are compared as a pair. Got {contenders}."
        )
    ranks = rankdata(-scores, axis=1)
    if np.all(ranks == ranks[0, 0]):  # all tie in all blocks: χ² would be 0/0
        statistic, p = 0.0, 1.0
    else:
        statistic, p = map(float, friedmanchisquare(*ranks.T))
    return Ranking(ranks.mean(axis=0), critical_difference(contenders, blocks, alpha), statistic, p)


def critical_difference(contenders: int, blocks: int, alpha: float = 0.05) -> float:
    """Nemenyi's CD for two or more contenders.

    >>> round(critical_difference(4, 14), 2)  # Demšar's example
    1.25
    """
    q = float(studentized_range.ppf(1 - alpha, contenders, np.inf)) / math.sqrt(2)
    return q * math.sqrt(contenders * (contenders + 1) / (6 * blocks))
