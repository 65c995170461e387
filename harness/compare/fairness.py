"""Whether a comparison of these contenders would be fair.

An inequality that would favour a contender is refused, unless it is allowed by name:

    budgets     contenders with unequal numbers of trials, or of seeds a trial
    epochs      unequal limits of epochs (`training.max_epochs`)
    data        other rows, or another split of them, within one task
    settings    another key of the configuration whose value differs between contenders: the difference
                in scores may come from it
"""

from __future__ import annotations

from collections.abc import Collection, Iterator
from typing import TYPE_CHECKING

from harness.compare.factors import decides_nothing
from harness.compare.loaded_runs import UNTUNED_SUFFIX, LoadedRuns, was_tuned
from harness.compare.trials import CONTENDER_TASK, rounds_of
from harness.errors import ConfigurationError, unknown_name

if TYPE_CHECKING:
    from pandas import DataFrame

__all__ = ["INEQUALITIES", "check_fairness"]

INEQUALITIES = ("budgets", "epochs", "data", "settings")
EPOCHS = "training.max_epochs"


def check_fairness(
    allowed: Collection[str], loaded: LoadedRuns, chosen: DataFrame, scoring: DataFrame
) -> list[str]:
    """Sentences on the inequalities that were allowed.

    Args:
        allowed: Names of inequalities, from `INEQUALITIES`.
        loaded: All runs of the comparison.
        chosen: The chosen settings, see `trials.chosen_settings`.
        scoring: The runs that the verdict rests on.

    Raises:
        ConfigurationError: There is an inequality that was not allowed.
    """
    for name in allowed:
        if name not in INEQUALITIES:
            raise unknown_name("inequality to allow", name, INEQUALITIES)
    inequalities = [*_budgets(loaded, chosen), *_settings(loaded, scoring), *_data(loaded)]
    refused = [(name, text) for name, text in inequalities if name not in allowed]
    if refused:
        names = ",".join(dict.fromkeys(name for name, _ in refused))
        lines = "\n".join(f"  {name}: {text}" for name, text in refused)
        raise ConfigurationError(
            f"These runs cannot be compared as they are:\n{lines}\nCompare fewer of them (a sweep by "
            f"name, or --filter), make them equal, or compare them all the same with --allow {names}; "
            f"the report then says so."
        )
    return [text for _, text in inequalities]


def _budgets(loaded: LoadedRuns, chosen: DataFrame) -> Iterator[tuple[str, str]]:
    """Of a tuning in several rounds the trials of each round: that there were more, a caveat says."""
    if was_tuned(loaded.runs):
        keys = [loaded.runs[key] for key in CONTENDER_TASK]
        rounds = rounds_of(loaded.runs).groupby(keys).max()
        of_chosen = [rounds[c, t] for c, t in zip(chosen["contender"], chosen["task"], strict=True)]
        chosen = chosen.assign(trials=chosen["trials"] // of_chosen)
    for task, rows in chosen.groupby("task", sort=False):
        for column, unit in (("trials", "trials"), ("seeds", "seeds a trial")):
            if rows[column].nunique() > 1:
                listed = ", ".join(f"{r.contender} {getattr(r, column)}" for r in rows.itertuples())
                yield "budgets", f"unequal numbers of {unit} on {task}: {listed}."


def _settings(loaded: LoadedRuns, scoring: DataFrame) -> Iterator[tuple[str, str]]:
    """Keys that are not of a factor and whose values differ between contenders."""
    question, params = loaded.question, loaded.params.loc[scoring.index]
    expected = (*question.by, *question.tasks, *loaded.varied)
    keys = [
        key
        for key in params
        if key not in expected
        and not decides_nothing(key)
        and not any(key.startswith(f"{factor}.") for factor in (*question.by, *question.tasks))
        and params[key].nunique(dropna=False) > 1
    ]
    contenders = scoring["contender"].str.removesuffix(UNTUNED_SUFFIX)
    # A key that is tuned for one contender and fixed for another belongs to their search spaces
    for key in keys:
        for task, rows in params.groupby(scoring["task"], sort=False):
            values = rows[key].fillna("-").groupby(contenders[rows.index], sort=False).agg(set)
            if len({frozenset(of_contender) for of_contender in values}) > 1:
                listed = "; ".join(f"{who} {', '.join(sorted(v))}" for who, v in values.items())
                kind = "epochs" if key == EPOCHS else "settings"
                yield kind, f"{key} differs on {task}: {listed}."


def _data(loaded: LoadedRuns) -> Iterator[tuple[str, str]]:
    tags, task = loaded.tags, loaded.runs["task"]
    for tag, what in (("sha256/data", "rows"), ("sha256/split", "splits of the rows")):
        if tag not in tags:
            continue
        for name, hashes in tags[tag].dropna().groupby(task, sort=False):
            if hashes.nunique() > 1:
                listed = ", ".join(f"{h[:8]}… ({n} runs)" for h, n in hashes.value_counts().items())
                yield (
                    "data",
                    f"{hashes.nunique()} different {what} under the name {name}: {listed}.",
                )
