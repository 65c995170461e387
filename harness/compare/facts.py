"""Where a comparison comes from: the store, versions, hashes, configurations, and the commands."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from harness.compare.evidence import Evidence
from harness.compare.factors import decides_nothing
from harness.tracking.store import public

if TYPE_CHECKING:
    from pandas import DataFrame

__all__ = ["facts_of"]

HASHES = {"sha256/data": "data", "sha256/split": "split"}
BRIEF = 16  # hexadecimal digits of a hash


def facts_of(evidence: Evidence, chosen: DataFrame, counting: DataFrame) -> dict[str, Any]:
    """What makes a comparison repeatable.

    store, experiment, sweeps, condition: where the runs are. runs: how many ended how. versions: by
    package, all that were met. hashes: by task and kind. common: the configuration that all counting
    runs share. choices: of each contender and task its setting, and `differs`, the rest of its
    configuration. commands: that trained the runs.
    """
    source, tags = evidence.source, evidence.tags
    params = evidence.params.loc[counting.index]
    params = params[[key for key in params if not decides_nothing(key)]]
    shared = [key for key in params if params[key].nunique(dropna=False) == 1]
    return {
        "store": public(source.uri),
        "experiment": source.experiment,
        "sweeps": [run.tags["sweep"] for run in evidence.sweeps],
        "condition": source.condition,
        "runs": {**evidence.runs["status"].value_counts().to_dict(), **evidence.left_out},
        "versions": {
            tag.partition("/")[2]: sorted(tags[tag].dropna().unique())
            for tag in tags
            if tag.startswith(("version/", "plugin/"))
        },
        "hashes": {
            task: {
                name: sorted({one[:BRIEF] for one in rows[tag].dropna()})
                for tag, name in HASHES.items()
                if tag in rows
            }
            for task, rows in tags.loc[counting.index].groupby(counting["task"], sort=False)
        },
        "common": {key: params[key].iloc[0] for key in shared},
        "choices": _choices(params.drop(columns=shared), counting, chosen),
        "commands": list(dict.fromkeys(run.tags.get("command", "") for run in evidence.sweeps)),
    }


def _choices(params: DataFrame, counting: DataFrame, chosen: DataFrame) -> list[dict[str, Any]]:
    places = [counting["contender"], counting["task"]]
    tried = {(c.contender, c.task): c for c in chosen.itertuples()}
    choices = []
    for (contender, task), rows in params.groupby(places, sort=False):
        one = tried.get((contender, task))
        own = counting.loc[rows.index]
        choices.append(
            {
                "contender": contender,
                "task": task,
                "setting": own["setting"].iloc[0],
                "chosen": own["chosen"].iloc[0],
                "trials": 0 if one is None else int(one.trials),
                "seeds_a_trial": 0 if one is None else int(one.seeds),
                "score": None if one is None or one.score != one.score else float(one.score),
                "seeds": sorted(int(seed) for seed in own["seed"]),
                "differs": {
                    key: rows[key].iloc[0]
                    for key in rows
                    if rows[key].nunique() == 1 and rows[key].notna().all()
                },
            }
        )
    return choices
