"""Small comparisons to show: drawn from a seed, and summed up by the simplest statistics.

The frames are those that harness.compare.comparison describes; their intervals are percentiles of a
short bootstrap. They look realistic, but are no reference for statistics.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from functools import cache
from itertools import combinations
from typing import Any

import numpy as np
from pandas import DataFrame
from scipy import stats

from harness.compare.comparison import Comparison
from harness.compare.question import Question
from harness.evaluation.metrics import ACCURACY, metric_named

__all__ = [
    "HOSTILE",
    "empty",
    "factors",
    "hostile",
    "many",
    "regression",
    "single_run",
    "three_on_two",
    "two_optimizers",
]

COLUMNS = {
    "outcomes": "contender task setting seed run_id run status diverged validation test "
    "epochs steps samples seconds chosen",
    "trials": "contender task setting seed run_id status diverged validation",
    "curves": "contender task seed run_id epoch steps samples validation",
    "summary": "contender task part runs diverged "
    + " ".join(f"{n} {n}_low {n}_high" for n in ("mean", "median", "iqm", "gap")),
    "times": "contender task target reached steps samples seconds",
    "pairs": "a b task part seeds difference low high improvement improvement_low "
    "improvement_high p p_holm test direction",
    "budget": "contender task k expected low high none",
    "profiles": "contender tau share",
    "benchmark": "contender score",
    "ranks": "contender rank critical p_friedman",
    "interaction": "row column mean runs diverged effect low high",
}

HOSTILE = (
    "<script>alert(1)</script>",
    "50% & $x_1$ {#~^\\} <b>",
    "_" + "a very long name " * 4,
)

PROVENANCE = {
    "store": "sqlite:///outputs/mlflow.db",
    "experiment": "demo",
    "sweeps": "2026-11-25/13-00-00",
    "harness": "0.1.0",
    "numpy": "2.3.1",
    "backend": "numpy, float32",
    "data": "sha256 9f86d081884c7d65",
    "finished": 40,
    "diverged": 3,
    "commands": [
        "harness tune optimizer=adam,sgd dataset=digits",
        "harness train -m optimizer=adam,sgd dataset=digits seed=range(10) optimizer.lr=0.003",
    ],
}


@dataclass
class Plan:
    """What a comparison is drawn from.

    Attributes:
        skills: By contender, the score that its curves approach.
        tasks: Their names.
        seeds: Their number.
        by: The factors.
        metric: The name of the metric.
        diverging: By contender, the number of its runs that diverge.
        rates: "grid", or "random": of learning rate and momentum.
        tested: Whether the test part was read.
        stacked: Whether runs were trained in stacks, so that they have no seconds.
        caveats: Of the comparison.
    """

    skills: dict[str, float]
    tasks: tuple[str, ...] = ("digits",)
    seeds: int = 10
    by: tuple[str, ...] = ("optimizer",)
    metric: str = "accuracy"
    diverging: dict[str, int] = field(default_factory=dict)
    rates: str = "grid"
    tested: bool = True
    stacked: bool = False
    caveats: tuple[str, ...] = ()

    @property
    def maximize(self) -> bool:
        return metric_named(self.metric).maximize


@cache
def two_optimizers() -> Comparison:
    return _make(
        Plan(
            {"adam": 0.974, "sgd": 0.962},
            caveats=("The best learning rate of sgd, 1, is the largest that was tried: try more.",),
        )
    )


@cache
def three_on_two() -> Comparison:
    """With diverged runs, quasi-random settings and no seconds."""
    return _make(
        Plan(
            {"adam": 0.974, "heavy_ball": 0.973, "sgd": 0.955},
            tasks=("digits", "moons"),
            diverging={"sgd": 2},
            rates="random",
            stacked=True,
        )
    )


@cache
def factors() -> Comparison:
    rows, columns = ("adam", "sgd"), ("he_normal", "glorot_uniform", "zeros")
    skills = {
        f"{row}, {column}": 0.11 if column == "zeros" else 0.97 - 0.01 * i - 0.006 * j * (1 + i)
        for i, row in enumerate(rows)
        for j, column in enumerate(columns)
    }
    comparison = _make(Plan(skills, by=("optimizer", "initializer"), seeds=5))
    return replace(comparison, interaction=_interaction(comparison.outcomes))


@cache
def many(count: int = 12) -> Comparison:
    names = (
        "adam adamw sgd heavy_ball nesterov averaged_momentum rmsprop adagrad lion lamb "
        "adadelta nadam radam yogi"
    )
    skills = {name: 0.975 - 0.002 * i for i, name in enumerate(names.split()[:count])}
    return _make(Plan(skills, tasks=("digits", "wine", "moons"), diverging={"sgd": 1}, seeds=6))


@cache
def regression() -> Comparison:
    """A loss, which is minimized; the test part was never read."""
    return _make(Plan({"adam": 0.31, "sgd": 0.34}, ("diabetes",), metric="loss", tested=False))


@cache
def hostile() -> Comparison:
    comparison = _make(
        Plan(
            dict(zip(HOSTILE, (0.97, 0.96, 0.9), strict=True)),
            tasks=("<img src=x onerror=alert(2)>", "a_b$"),
            seeds=3,
            caveats=("<script>alert(3)</script> & more",),
            diverging={HOSTILE[0]: 1},
        )
    )
    commands = ["harness train '</pre><script>alert(4)</script>'"]
    return replace(comparison, provenance={"store": "</script><b>", "commands": commands})


@cache
def single_run() -> Comparison:
    comparison = _make(Plan({"adam": 0.97}, seeds=1))
    return replace(comparison, trials=comparison.outcomes[COLUMNS["trials"].split()].copy())


@cache
def empty() -> Comparison:
    frames = {name: DataFrame(columns=columns.split()) for name, columns in COLUMNS.items()}
    return Comparison(Question(("optimizer",), ACCURACY), (), (), True, (), {}, **frames)


def _make(plan: Plan) -> Comparison:
    random = np.random.default_rng(0)
    outcomes, curves = _outcomes(plan, random)
    contenders, several = tuple(plan.skills), len(plan.tasks) > 1
    target = 0.95 if plan.maximize else 0.4
    frames = {
        "outcomes": outcomes,
        "curves": curves,
        "trials": _trials(plan, random),
        "summary": _summary(plan, outcomes, random),
        "times": _times(plan, outcomes, target),
        "pairs": _pairs(plan, outcomes, random),
    }
    frames["budget"] = _budget(plan, frames["trials"])
    frames["profiles"] = _profiles(plan, outcomes)
    scores = [[name, 0.9 - 0.1 * i] for i, name in enumerate(contenders)] if several else []
    frames["benchmark"] = _frame("benchmark", scores)
    frames["ranks"] = _ranks(plan, outcomes)
    frames["interaction"] = _frame("interaction", [])
    question = Question(
        plan.by, metric_named(plan.metric), targets=dict.fromkeys(plan.tasks, target)
    )
    return Comparison(
        question, contenders, plan.tasks, True, plan.caveats, dict(PROVENANCE), **frames
    )


def _frame(name: str, rows: Sequence[Sequence[Any]], *more: str) -> DataFrame:
    return DataFrame(rows, columns=[*COLUMNS[name].split(), *more])


def _outcomes(plan: Plan, random: np.random.Generator) -> tuple[DataFrame, DataFrame]:
    rows, points = [], []
    for task in plan.tasks:
        for name, skill in plan.skills.items():
            for seed in range(plan.seeds):
                run = f"{len(rows):032x}"
                diverged = seed < plan.diverging.get(name, 0)
                end = skill + random.normal(0, 0.004)
                pace = random.uniform(2, 5) + 4 * list(plan.skills).index(name) / len(plan.skills)
                epochs = np.arange(1, 5 if diverged else 26 + int(random.integers(5)))
                start = 0.1 if plan.maximize else 2.3
                values = end + (start - end) * np.exp(-epochs / pace)
                values += random.normal(0, 0.003, len(epochs))
                points += [
                    [name, task, seed, run, epoch, 45 * epoch, 1440 * epoch, value]
                    for epoch, value in zip(epochs.tolist(), values.tolist(), strict=True)
                ]
                best = np.nan if diverged else values.max() if plan.maximize else values.min()
                hit = values >= 0.95 if plan.maximize else values <= 0.4
                first = np.inf if diverged or not hit.any() else float(epochs[hit.argmax()])
                seconds = np.nan if plan.stacked else first * 0.031
                test = best + random.normal(-0.003, 0.004) if plan.tested else np.nan
                setting = f"{plan.by[0]}.lr={0.003 if seed >= 0 else 0}"
                status = "diverged" if diverged else "finished"
                rows.append([name, task, setting, seed, run, f"{name} {seed}", status, diverged])
                rows[-1] += [best, test, first, 45 * first, 1440 * first, seconds]
                rows[-1] += ["best of 15 trials on validation"]
    return _frame("outcomes", rows), _frame("curves", points)


def _trials(plan: Plan, random: np.random.Generator) -> DataFrame:
    rows = []
    key = plan.by[0]
    grid = np.geomspace(1e-4, 1.0, 9)
    for task in plan.tasks:
        for number, (name, skill) in enumerate(plan.skills.items()):
            best = 10 ** (-2.5 + 1.5 * number / len(plan.skills))
            if plan.rates == "grid":
                settings = [(rate, None) for rate in grid]
            else:
                settings = [
                    (10 ** random.uniform(-4, 0), random.uniform(0, 0.99)) for _ in range(40)
                ]
            for rate, momentum in settings:
                far = np.log10(rate / best)
                loss = 0.03 * far**2 + 0.1 * abs((momentum if momentum and number else 0.9) - 0.9)
                diverged = bool(far > 1.6)
                for seed in range(2):
                    score = skill - loss if plan.maximize else skill + loss
                    score += random.normal(0, 0.002)
                    text = f"{key}.lr={rate:.3g}"
                    bad = diverged and (far > 2 or seed == 0)
                    status = "diverged" if bad else "finished"
                    row = [name, task, text, seed, f"t{len(rows):031x}", status, bad]
                    rows.append([*row, np.nan if bad else score, rate])
                    if plan.rates != "grid":
                        rows[-1].append(momentum if number else np.nan)
    keys = [f"{key}.lr"] if plan.rates == "grid" else [f"{key}.lr", f"{key}.momentum"]
    return _frame("trials", rows, *keys)


def _interval(values: np.ndarray, random: np.random.Generator) -> tuple[float, float]:
    if len(values) < 2:
        return np.nan, np.nan
    means = random.choice(values, (300, len(values))).mean(axis=1)
    low, high = np.quantile(means, [0.025, 0.975])
    return float(low), float(high)


def _groups(plan: Plan) -> list[tuple[str, tuple[str, ...]]]:
    groups = [(task, (task,)) for task in plan.tasks]
    return [*groups, ("all", plan.tasks)] if len(groups) > 1 else groups


def _summary(plan: Plan, outcomes: DataFrame, random: np.random.Generator) -> DataFrame:
    rows = []
    for task, members in _groups(plan):
        for name in plan.skills:
            of = outcomes[outcomes.task.isin(members) & (outcomes.contender == name)]
            for part in ("validation", "test"):
                row: list[Any] = [name, task, part, len(of), float(of.diverged.mean())]
                values = of[part].dropna().to_numpy()
                centres = [np.mean, np.median, lambda v: stats.trim_mean(v, 0.25)]
                for centre in centres:
                    value = float(centre(values)) if len(values) else np.nan
                    row += [value, *_interval(values, random)]
                rows.append(
                    [*row, *((1 - value, np.nan, np.nan) if plan.maximize else [np.nan] * 3)]
                )
    return _frame("summary", rows)


def _times(plan: Plan, outcomes: DataFrame, target: float) -> DataFrame:
    rows = []
    for task in plan.tasks:
        for name in plan.skills:
            of = outcomes[(outcomes.task == task) & (outcomes.contender == name)]
            medians = [float(np.sort(of[key])[len(of) // 2]) for key in ("steps", "samples")]
            seconds = np.nan if plan.stacked else float(np.sort(of.seconds)[len(of) // 2])
            reached = float(np.isfinite(of.steps).mean())
            rows.append([name, task, target, reached, *medians, seconds])
    return _frame("times", rows)


def _pairs(plan: Plan, outcomes: DataFrame, random: np.random.Generator) -> DataFrame:
    rows = []
    part = "test" if plan.tested else "validation"
    for task, members in _groups(plan):
        rows_of_group = []
        for a, b in combinations(plan.skills, 2):
            of = outcomes[outcomes.task.isin(members)]
            x, y = (of[of.contender == name][part].to_numpy() for name in (a, b))
            both = np.isfinite(x) & np.isfinite(y)
            gap = (x - y)[both]
            p = float(stats.ttest_rel(x[both], y[both]).pvalue) if len(gap) > 1 else np.nan
            wins = (gap > 0) if plan.maximize else (gap < 0)
            row = [a, b, task, part, len(gap), float(gap.mean()), *_interval(gap, random)]
            row += [float(wins.mean()), *_interval(wins.astype(float), random)]
            direction = int(np.sign(wins.mean() - 0.5)) if len(gap) else 0
            rows_of_group.append([*row, p, np.nan, "paired t-test", direction])
        order = np.argsort([row[-4] for row in rows_of_group])
        running = 0.0
        for rank, index in enumerate(order):
            running = max(running, min(1.0, (len(rows_of_group) - rank) * rows_of_group[index][-4]))
            rows_of_group[index][-3] = running
        rows += rows_of_group
    return _frame("pairs", rows)


def _budget(plan: Plan, trials: DataFrame) -> DataFrame:
    rows = []
    for task in plan.tasks:
        for name in plan.skills:
            of = trials[(trials.task == task) & (trials.contender == name) & (trials.seed == 0)]
            values = np.sort(of.validation.dropna())
            values = values if plan.maximize else values[::-1]
            n, share = len(values), float(of.diverged.mean())
            for k in range(1, len(of) + 1):
                weights = (np.arange(1, n + 1) / n) ** k - (np.arange(n) / n) ** k
                mean = float(weights @ values)
                spread = float(np.std(values) / k)
                rows.append([name, task, k, mean, mean - spread, mean + spread / 2, share**k])
    return _frame("budget", rows)


def _profiles(plan: Plan, outcomes: DataFrame) -> DataFrame:
    best = outcomes.steps.min()
    taus = np.unique(np.append(1.0, outcomes.steps[np.isfinite(outcomes.steps)] / best))
    rows = []
    for name in plan.skills:
        ratio = outcomes[outcomes.contender == name].steps.to_numpy() / best
        rows += [[name, float(tau), float((ratio <= tau).mean())] for tau in taus]
    return _frame("profiles", rows)


def _ranks(plan: Plan, outcomes: DataFrame) -> DataFrame:
    names = list(plan.skills)
    if len(names) < 3:
        return _frame("ranks", [])
    part = "test" if plan.tested else "validation"
    worst = -np.inf if plan.maximize else np.inf
    blocks = outcomes.pivot_table(
        index=["task", "seed"], columns="contender", values=part, dropna=False
    )
    table = blocks[names].fillna(worst).to_numpy()
    ranks = stats.rankdata(-table if plan.maximize else table, axis=1).mean(axis=0)
    q = stats.studentized_range.ppf(0.95, len(names), np.inf) / np.sqrt(2)
    critical = float(q * np.sqrt(len(names) * (len(names) + 1) / (6 * len(table))))
    p = float(stats.friedmanchisquare(*table.T).pvalue)
    return _frame("ranks", [[n, float(r), critical, p] for n, r in zip(names, ranks, strict=True)])


def _interaction(outcomes: DataFrame) -> DataFrame:
    parts = outcomes.contender.str.split(", ", expand=True)
    of = outcomes.assign(row=parts[0], column=parts[1])
    cells = of.groupby(["row", "column"], sort=False).test.mean().unstack()
    effect = cells.sub(cells.mean(axis=1), axis=0) - cells.mean(axis=0) + cells.to_numpy().mean()
    rows = [
        [
            row,
            column,
            float(cells.loc[row, column]),
            5,
            0.0,
            float(e),
            float(e) - 0.003,
            float(e) + 0.003,
        ]
        for row in cells.index
        for column, e in effect.loc[row].items()
    ]
    return _frame("interaction", rows)
