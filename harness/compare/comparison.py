"""What a comparison is made of: the question, and the frames that answer it.

Words: a *contender* is one value of the factors that are compared ("adam"; with two factors "adam,
he_normal"). A *task* is what they compete on, a dataset as a rule. A *setting* is one choice of every
other hyperparameter that was varied. A *trial* is a setting of a contender on a task, trained from one
or more seeds. The verdict rests on the *scoring* runs alone, those of the chosen setting.

A diverged run is a censored outcome: worse than every finite score, and no number. In frames its scores
are NaN and `diverged` is True. Statistics that go by ranks take it as the worst (`scores`); statistics
that need numbers take the runs that converged, and the share of the diverged stands beside them.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from harness.compare.question import Question

if TYPE_CHECKING:
    from pandas import DataFrame

__all__ = ["Comparison"]


@dataclass(frozen=True)
class Comparison:
    """The answer, in pandas frames; contenders and tasks are text, in a fixed order.

    Attributes:
        question: What was asked.
        contenders: Their names, in the order in which everything shows them.
        tasks: Their names, likewise.
        paired: Whether the scoring runs of all contenders share their seeds.
        caveats: What a reader must know (fewer than five seeds, a best value on the edge of its range,
            unequal budgets that were allowed, …), each a sentence.
        provenance: Origin of it all, see `provenance.py`: texts, and lists and mappings of texts.
            `commands` trained the runs, `configurations` train the scoring ones again.
        outcomes: One row a scoring run: contender, task, setting (text), seed (int), run_id, run (name),
            status, diverged (bool), validation, test (NaN if diverged), epochs (in all), and steps,
            samples, seconds to the target: inf if it was missed or the run diverged. seconds is NaN
            where the run was trained in a stack or possibly beside others, since its time is then not
            its own. chosen (text): how the setting was chosen.
        trials: One row a run of the tuning (or of the sweep, where nothing was tuned apart): contender,
            task, setting, seed, run_id, status, diverged, validation, and one column for each varied
            hyperparameter by its key: numbers where all values are numbers, None or NaN where a
            contender does not have it.
        curves: One row an epoch of a scoring run: contender, task, seed, run_id, epoch, steps, samples,
            validation (of the metric; epochs whose value was not finite are absent).
        summary: One row for each contender, task ("all" for all tasks together, if several) and part
            ("validation", "test"): runs, diverged (share), mean, median, iqm, gap, each with …_low and
            …_high, the ends of a 95 % bootstrap interval. NaN where it is not defined. gap is the
            optimality gap to the best score there can be (1), NaN for a loss.
        times: One row for each contender and task: target, reached (share of runs), and steps, samples,
            seconds: medians, inf where fewer than half reach it, NaN where there is no time.
        pairs: One row for each pair and task (and "all"): a, b, task, part "test" (validation where
            there is no test), seeds (number on each task), difference (a − b, in the metric's unit, of
            the means; paired by seed where `paired`), low, high, improvement (P(a better than b)),
            improvement_low, improvement_high, p, p_holm (Holm over all pairs on all tasks), test (name
            of the test), direction (1 where a is better by the test, −1 where b is, else 0).
        budget: One row for each contender, task and k = 1 … trials: expected (E[best validation score of
            k trials]), low, high, none (probability that all k diverged).
        profiles: One row for each contender and step of its performance profile: tau, share ρ(τ); for
            several tasks that of AlgoPerf, over tasks; for one task over its scoring runs.
        benchmark: One row a contender: score B (AlgoPerf); empty for a single task.
        ranks: One row a contender: rank (mean over tasks and seeds, 1 is best), critical (critical
            difference of Nemenyi at 5 %), p_friedman; empty for fewer than three contenders or where
            runs are not paired.
        interaction: For two factors, one row for each pair of levels and part "test": row (level of the
            first), column (level of the second), mean, runs, diverged, and effect: mean − row mean −
            column mean + grand mean, with low and high, and p of the test that there is none;
            empty otherwise.
    """

    question: Question
    contenders: tuple[str, ...]
    tasks: tuple[str, ...]
    paired: bool
    caveats: tuple[str, ...]
    provenance: dict[str, Any]
    outcomes: DataFrame
    trials: DataFrame
    curves: DataFrame
    summary: DataFrame
    times: DataFrame
    pairs: DataFrame
    budget: DataFrame
    profiles: DataFrame
    benchmark: DataFrame
    ranks: DataFrame
    interaction: DataFrame
