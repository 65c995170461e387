"""What was tuned: the trials of each contender, the setting that was chosen, and the runs that count.

The chosen setting is the one with the best mean validation score over its seeds; a setting that
diverged from one seed is behind all that did not. After `harness tune` the runs that count are those of
the chosen setting on fresh seeds, and of the contenders at their defaults. Elsewhere they are the very
runs that the choice was made by, whose validation score is then a little too good: see `caveats.py`.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np

from harness.compare.loaded_runs import LoadedRuns
from harness.configuration.phase import Phase, tuning_round
from harness.errors import ConfigurationError
from harness.training.records import Status

if TYPE_CHECKING:
    from pandas import DataFrame, Series

__all__ = [
    "chosen_settings",
    "edge_caveats",
    "final_settings",
    "range_ends",
    "rounds_of",
    "scoring_runs",
    "trials_of",
    "was_tuned",
]

CONTENDER_TASK = ["contender", "task"]
FEWEST_VALUES = 3  # of a hyperparameter that has an inside: two values are both at an end


def was_tuned(runs: DataFrame) -> bool:
    """Whether the runs come from the protocol, which says of each run what it is for."""
    return bool((runs["phase"] == Phase.FINAL).any())


def trials_of(loaded: LoadedRuns) -> DataFrame:
    """The runs that settings are chosen by, with a column for each hyperparameter that varies.

    Where ranges were extended, those of the last round alone: every contender has the same budget.
    """
    runs = loaded.runs
    if was_tuned(runs):
        rounds = rounds_of(runs)
        runs = runs.loc[rounds.index]
        runs = runs[
            rounds == rounds.groupby([runs[key] for key in CONTENDER_TASK]).transform("max")
        ]
    trials = runs[[*CONTENDER_TASK, "setting", "seed", "status", "diverged", "validation"]].copy()
    for key in loaded.varied:
        trials[key] = _numbers_if_all_are(loaded.params.loc[trials.index, key])
    return trials


def rounds_of(runs: DataFrame) -> Series:
    """In which tuning of its contender each run was, from 1; those of no tuning are left out."""
    return runs["phase"].map(tuning_round).dropna().astype(int)


def chosen_settings(
    trials: DataFrame, maximize: bool, final: Mapping[tuple[str, str], str] | None = None
) -> DataFrame:
    """The best setting of each contender on each task: setting, score, trials, seeds (of a trial).

    final: what the protocol has chosen, by contender and task: that then is the setting, also where
    another one is as good.

    score: the mean over the seeds; NaN where every setting diverged from some seed, and the first one
    stands for all. A setting that successive halving dropped from any seed is not chosen. Raises
    ConfigurationError where there are settings and no validation scores to choose by.
    """
    best = _scores(trials, maximize)
    if best.isna().any():
        if (trials.groupby(CONTENDER_TASK)["setting"].nunique() > 1).any():
            raise ConfigurationError(
                "Some runs have no validation score (split.validation=0), so there is nothing to "
                "choose their settings by. Compare with every setting fixed, or name the settings "
                "among the factors: --by optimizer,optimizer.lr."
            )
        best = best.fillna(0.0)
    by_setting = trials.assign(best=best, dropped=trials["status"] == Status.DROPPED).groupby(
        [*CONTENDER_TASK, "setting"], sort=False
    )
    table = by_setting.agg(
        score=("best", "mean"), dropped=("dropped", "any"), seeds=("seed", "count")
    )
    table.loc[table["dropped"], "score"] = -np.inf
    table = table.reset_index()
    groups = table.groupby(CONTENDER_TASK, sort=False)
    decided = final or {}
    places = zip(table["contender"], table["task"], strict=True)
    wanted = [
        decided.get(place, setting) for place, setting in zip(places, table["setting"], strict=True)
    ]
    candidates = table[table["setting"] == wanted]
    chosen = table.loc[candidates.groupby(CONTENDER_TASK, sort=False)["score"].idxmax()].copy()
    chosen["trials"] = (
        groups.size().reindex(list(zip(*(chosen[k] for k in CONTENDER_TASK), strict=True))).array
    )
    chosen["score"] = chosen["score"].where(np.isfinite(chosen["score"])) * (1 if maximize else -1)
    return chosen[[*CONTENDER_TASK, "setting", "score", "trials", "seeds"]].reset_index(drop=True)


def final_settings(runs: DataFrame) -> dict[tuple[str, str], str]:
    """What the protocol has chosen, by contender and task. Raises ConfigurationError where the store has
    two choices for one contender."""
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
    """The runs that the verdict rests on, with `chosen`: how their setting was chosen."""
    runs = loaded.runs
    if was_tuned(runs):
        scoring = runs[runs["phase"].isin((Phase.FINAL, Phase.UNTUNED))].copy()
        fresh = scoring["phase"] == Phase.FINAL
        scoring["chosen"] = np.where(fresh, "tuned on other seeds", "the defaults")
        return scoring
    wanted = chosen.set_index([*CONTENDER_TASK, "setting"]).index
    scoring = runs[runs.set_index([*CONTENDER_TASK, "setting"]).index.isin(wanted)].copy()
    only = (
        chosen.set_index(CONTENDER_TASK)["trials"]
        .reindex(scoring.set_index(CONTENDER_TASK).index)
        .array
        == 1
    )
    scoring["chosen"] = np.where(only, "the only one", "the best one on these seeds")
    return scoring


def edge_caveats(trials: DataFrame, chosen: DataFrame, keys: tuple[str, ...]) -> list[str]:
    """The chosen values beyond which nothing was tried, as sentences."""
    decided = []
    groups = dict(list(trials.groupby(CONTENDER_TASK, sort=False)))
    for one in chosen.itertuples():
        own = groups[one.contender, one.task]
        for key in keys:
            tried = own[key].dropna()
            if tried.dtype.kind not in "if":
                continue
            value = own.loc[own["setting"] == one.setting, key].iloc[0]
            decided += [
                f"{one.contender} on {one.task}: the best {key}, {value:g}, is the {end} that was "
                f"tried, so a better one may lie beyond it."
                for end in range_ends(tried, value)
            ]
    return decided


def range_ends(tried: Series, value: float) -> list[str]:
    """Which end of the numbers that were tried a value is, "smallest" or "largest"; [] for neither, and
    where so few were tried that there is no inside."""
    if tried.nunique() < FEWEST_VALUES:
        return []
    both = {"smallest": tried.min(), "largest": tried.max()}
    return [name for name, end in both.items() if value == end]


def _scores(trials: DataFrame, maximize: bool) -> Series:
    """Higher is better; −inf for what diverged."""
    signed = trials["validation"] if maximize else -trials["validation"]
    return signed.where(~trials["diverged"], -np.inf)


def _numbers_if_all_are(values: Series) -> Series:
    from pandas import to_numeric

    numbers = to_numeric(values, errors="coerce")
    return numbers if (numbers.notna() | values.isna()).all() else values
