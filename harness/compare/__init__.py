"""From runs in MLflow to a verdict: which contender is better, how sure, at what cost of tuning.

from harness.compare import compare, figures, verdict

comparison = compare(by=["optimizer"])   # the newest sweep of the store in this folder
comparison.summary                       # pandas frames, see `Comparison`
verdict(comparison)                      # a sentence
figures(comparison)                      # name -> matplotlib figure

A diverged run is censored, not dropped. In statistics it is −∞: rank methods take it as the worst,
means are of the converged (of each task, so that diverging on the hard task does not raise a mean),
and an interval that its resamples leave open is NaN instead of narrow. The rank tests are ours
because diverged runs tie, and with ties SciPy's exact tests are not exact, or list all permutations
and take seconds.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import TYPE_CHECKING

from harness.compare.comparison import Comparison
from harness.compare.question import Question

if TYPE_CHECKING:
    from matplotlib.figure import Figure

__all__ = ["Comparison", "Question", "compare", "figures", "verdict"]


def compare(  # noqa: PLR0913  (they are the options of the command)
    *sweeps: str,
    uri: str = "sqlite:///outputs/mlflow.db",
    experiment: str = "harness",
    by: Sequence[str] = (),
    metric: str | None = None,
    tasks: Sequence[str] = ("dataset",),
    target: float | dict[str, float] | None = None,
    everything: bool = False,
    condition: str = "",
    allow: Collection[str] = (),
) -> Comparison:
    """Compares the contenders in runs that MLflow has. Nothing is written.

    Args:
        *sweeps: Their names; if none is given the newest sweep, or with `everything` all runs of the
            experiment.
        uri: The address of the store, as in `tracking.uri`.
        experiment: The name of the experiment, as in `tracking.experiment`.
        by: The factors, keys of the configuration; if empty those components that vary.
        metric: What the runs are judged by; if None accuracy or R².
        tasks: The keys that make a task.
        target: The validation score of the time to target, for all tasks or by task; if None the one
            that half of the runs reach.
        everything: Compare all runs of the experiment.
        condition: A filter in MLflow's language, as in "tags.dataset = 'digits'".
        allow: Inequalities to put up with: budgets, epochs, data, settings.

    Raises:
        ConfigurationError: Something named is not there, or the comparison would not be fair.
        TrackingError: The store cannot be read.
    """
    from harness.compare.assembling import compare_runs
    from harness.compare.loaded_runs import load_runs
    from harness.compare.source import Source

    source = Source(uri, experiment, sweeps, everything, condition)
    return compare_runs(load_runs(source, by, tasks, metric), target, allow)


def verdict(comparison: Comparison) -> str:
    """A sentence that says who is best, and whether the difference is significant."""
    from harness.compare.report.verdict import verdict as sentence

    return sentence(comparison)


def figures(comparison: Comparison) -> dict[str, Figure]:
    """The pictures that have something to show, by name: matplotlib figures."""
    from harness.compare.pictures.gallery import gallery

    return {picture.name: picture.figure for picture in gallery(comparison)}
