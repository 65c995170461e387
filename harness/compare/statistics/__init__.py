"""The statistics of a comparison: arrays in, numbers out, one method a file.

    bootstrap.py      intervals: runs drawn anew within each task, seeds jointly or independently
    aggregates.py     mean, median, interquartile mean, optimality gap
    improvement.py    P(A > B)
    differences.py    differences of means, paired by seed or not
    pairwise.py       tests of two contenders; holm.py corrects the p-values of many
    ranks.py          mean ranks, Friedman's test, Nemenyi's critical difference
    budget.py         the best score to be expected of k trials
    profiles.py       performance profiles, AlgoPerf's benchmark score, run-score distributions
    interaction.py    two factors: cell means, interaction effects, the F test

Higher scores are better: losses are negated before they come here. A diverged run is −inf, worse than
every other and no number; each docstring says how its method treats it. NaN is never an input. Nothing
here knows pandas, MLflow or the command line, and random numbers come only from the generator that is
passed. The modules import SciPy, which takes a second, so this one imports none of them.
"""
