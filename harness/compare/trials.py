"""What was tuned: the trials of each contender, the setting that was chosen, and the scoring runs.

The chosen setting is the one with the best mean validation score over its seeds; a setting that
diverged from any seed, or was dropped, is behind all settings that were not. After `harness tune` the
scoring runs are those of the chosen setting on fresh seeds, and those of the contenders at their
defaults. Elsewhere the same runs choose and score, and the validation score is then a little too good:
see `caveats.py`.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np

from harness.compare.loaded_runs import LoadedRuns, was_tuned
from harness.configuration.phase import Phase, tuning_round
from harness.errors import ConfigurationError
from harness.training.records import Status

if TYPE_CHECKING:
    from pandas import DataFrame, Series

__all__ = [
    "CONTENDER_TASK",
    "chosen_settings",
    "edge_caveats",
    "final_settings",
    "last_round",
    "range_ends",
    "rounds_of",
    "scoring_runs",
    "trials_of",
]

CONTENDER_TASK = ["contender", "task"]
FEWEST_VALUES = 3  # with two values every value is an end point


def trials_of(loaded: LoadedRuns) -> DataFrame:
    """The runs that settings are chosen by, with a column for each hyperparameter that varies.

    Where ranges were extended, they are those of all rounds.
    """
    runs = loaded.runs
    if was_tuned(runs):
        runs = runs.loc[rounds_of(runs).index]
    trials = runs[[*CONTENDER_TASK, "setting", "seed", "status", "diverged", "validation"]].copy()
    for key in loaded.varied:
        trials[key] = _numbers_if_all_are(loaded.params.loc[trials.index, key])
    return trials


def last_round(trials: DataFrame, runs: DataFrame) -> DataFrame:
    """The trials of the last round of each contender: a search in one space, of equal budgets."""
    if not was_tuned(runs):
        return trials
    rounds = rounds_of(runs).loc[trials.index]
    last = rounds.groupby([trials[key] for key in CONTENDER_TASK]).transform("max")
    return trials[rounds == last]


def rounds_of(runs: DataFrame) -> Series:
    """The round of tuning of each run, from 1; runs of other phases are left out."""
    return runs["phase"].map(tuning_round).dropna().astype(int)


def chosen_settings(
    trials: DataFrame,
    maximize: bool,
    final: Mapping[tuple[str, str], str] | None = None,
    losses: Series | None = None,
) -> DataFrame:
    """The best setting of each contender on each task.

    That is the one with the best mean score; among equals the one with the lowest mean loss, as in the
    tuning protocol, and then the first in alphabetical order, whatever the order in which they started.
    A setting that diverged from a seed, or that successive halving dropped, is behind all that did not;
    among those the one that lost the fewest seeds is taken.

    Args:
        trials: The runs to choose by, see `trials_of`.
        maximize: Whether higher scores are better.
        final: The settings that the protocol has chosen, by contender and task. They are taken even
            where another setting is as good.
        losses: The validation loss of each of the trials.

    Returns:
        One row for each contender and task: setting; score, the mean over its seeds, NaN where no
        setting kept all its seeds; trials, their number; seeds, the number of them in a trial;
        diverged and dropped, whether any run of a setting was.

    Raises:
        ConfigurationError: There are several settings and no validation scores to choose by.
    """
    dropped = trials["status"] == Status.DROPPED
    lost = dropped | trials["diverged"]
    scores = trials["validation"] if maximize else -trials["validation"]
    if (scores.isna() & ~lost).any():
        if (trials.groupby(CONTENDER_TASK)["setting"].nunique() > 1).any():
            raise ConfigurationError(
                "Some runs have no validation score (split.validation=0), so there is nothing to "
                "choose their settings by. Compare with every setting fixed, or name the settings "
                "among the factors: --by optimizer,optimizer.lr."
            )
        scores = scores.fillna(0.0)
    loss = losses.reindex(trials.index) if losses is not None else np.nan
    by_setting = trials.assign(
        score=scores.where(~lost), loss=loss, lost=lost, dropped=dropped
    ).groupby([*CONTENDER_TASK, "setting"], sort=False)
    table = by_setting.agg(
        score=("score", "mean"),
        loss=("loss", "mean"),
        lost=("lost", "sum"),
        diverged=("diverged", "any"),
        dropped=("dropped", "any"),
        seeds=("seed", "count"),
    ).reset_index()
    groups = table.groupby(CONTENDER_TASK, sort=False)
    table["trials"] = groups["setting"].transform("size")
    for reason in ("diverged", "dropped"):
        table[reason] = groups[reason].transform("any")
    decided = final or {}
    rows = zip(table["contender"], table["task"], table["setting"], strict=True)
    eligible = [
        decided.get((contender, task), setting) == setting for contender, task, setting in rows
    ]
    ordered = table[eligible].sort_values(
        ["lost", "score", "loss", "setting"], ascending=[True, False, True, True]
    )
    chosen = ordered.drop_duplicates(CONTENDER_TASK).sort_index()
    chosen["score"] = chosen["score"].where(chosen["lost"] == 0) * (1 if maximize else -1)
    columns = [*CONTENDER_TASK, "setting", "score", "trials", "seeds", "diverged", "dropped"]
    return chosen[columns].reset_index(drop=True)


def final_settings(runs: DataFrame) -> dict[tuple[str, str], str]:
    """The settings that the protocol has chosen, by contender and task. Raises ConfigurationError where
    the store has two choices for one contender."""
    decided: dict[tuple[str, str], str] = {}
    for (contender, task), settings in runs[runs["phase"] == Phase.FINAL].groupby(CONTENDER_TASK)[
        "setting"
    ]:
        if settings.nunique() > 1:
            raise ConfigurationError(
                f"{contender} on {task} was tuned {settings.nunique()} times, with different choices. "
                f"Name the sweep that counts: harness compare SWEEP. `harness sweeps` lists them."
            )
        decided[contender, task] = settings.iloc[0]
    return decided


def scoring_runs(loaded: LoadedRuns, chosen: DataFrame) -> DataFrame:
    """The runs that the verdict rests on; their column `chosen` says how the setting was chosen."""
    runs = loaded.runs
    if was_tuned(runs):
        scoring = runs[runs["phase"].isin((Phase.FINAL, Phase.UNTUNED))].copy()
        fresh = scoring["phase"] == Phase.FINAL
        scoring["chosen"] = np.where(fresh, "tuned on other seeds", "the defaults")
        return scoring
    keys = [*CONTENDER_TASK, "setting"]
    scoring = runs[runs.set_index(keys).index.isin(chosen.set_index(keys).index)].copy()
    only = (
        chosen.set_index(CONTENDER_TASK)["trials"]
        .reindex(scoring.set_index(CONTENDER_TASK).index)
        .array
        == 1
    )
    scoring["chosen"] = np.where(only, "the only one", "the best one on these seeds")
    return scoring


def edge_caveats(trials: DataFrame, chosen: DataFrame, keys: tuple[str, ...]) -> list[str]:
    """Sentences on chosen values beyond which nothing was tried."""
    sentences = []
    groups = dict(list(trials.groupby(CONTENDER_TASK, sort=False)))
    for choice in chosen.itertuples():
        group = groups[choice.contender, choice.task]
        for key in keys:
            tried = group[key].dropna()
            if tried.dtype.kind not in "if":
                continue
            value = group.loc[group["setting"] == choice.setting, key].iloc[0]
            sentences += [
                f"{choice.contender} on {choice.task}: the best {key}, {value:g}, is the {end} that was "
                f"tried, so a better one may lie beyond it."
                for end in range_ends(tried, value)
            ]
    return sentences


def range_ends(tried: Series, value: float) -> list[str]:
    """The ends of the numbers tried, "smallest" and "largest", that a value is; [] where it is neither,
    and where too few were tried."""
    if tried.nunique() < FEWEST_VALUES:
        return []
    both = {"smallest": tried.min(), "largest": tried.max()}
    return [name for name, end in both.items() if value == end]


def _numbers_if_all_are(values: Series) -> Series:
    from pandas import to_numeric

    numbers = to_numeric(values, errors="coerce")
    return numbers if (numbers.notna() | values.isna()).all() else values
