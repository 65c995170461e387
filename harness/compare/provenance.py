"""Where a comparison comes from: the store, versions, hashes, configurations, and the commands."""

from __future__ import annotations

import shlex
from typing import TYPE_CHECKING, Any

from harness.compare.factors import decides_nothing
from harness.compare.loaded_runs import LoadedRuns
from harness.configuration.settings import WRAPPER
from harness.sweep.command_lines import shown
from harness.tracking.address import without_secrets

if TYPE_CHECKING:
    from pandas import DataFrame, Series

__all__ = ["provenance_of"]

HASHES = {"sha256/data": "data", "sha256/split": "split"}
BRIEF = 16  # hexadecimal digits of a hash
WORDS = {"None": "null", "True": "true", "False": "false"}  # Python's -> those of a command line


def provenance_of(loaded: LoadedRuns, scoring: DataFrame) -> dict[str, Any]:
    """What makes a comparison repeatable: texts, and mappings and lists of texts.

    Returns:
        store, experiment, sweeps, filter: where the runs are; runs: number that ended in each way;
        versions: all that occur, by package; hashes: of data and split, by task; commands: that trained
        the runs; configurations: by contender and task the command that trains its scoring runs again,
        with every value written out. Empty entries are left out.
    """
    source, tags = loaded.source, loaded.tags
    counts = {**loaded.runs["status"].value_counts().to_dict(), **loaded.left_out}
    provenance: dict[str, Any] = {
        "store": without_secrets(source.uri),
        "experiment": source.experiment,
        "sweeps": [run.tags["sweep"] for run in loaded.sweeps],
        "filter": source.condition,
        "runs": {str(name): str(count) for name, count in counts.items() if count},
        "versions": {
            tag.partition("/")[2]: ", ".join(sorted(tags[tag].dropna().unique()))
            for tag in sorted(tags)
            if tag.startswith(("version/", "plugin/"))
        },
        "hashes": {
            str(task): _hashes(rows)
            for task, rows in tags.loc[scoring.index].groupby(scoring["task"])
        },
    }
    commands = dict.fromkeys(run.tags.get("command", "") for run in loaded.sweeps)
    return {
        **{name: entry for name, entry in provenance.items() if entry},
        "commands": [command for command in commands if command],
        "configurations": _configurations(loaded.params.loc[scoring.index], scoring),
    }


def _hashes(tags: DataFrame) -> str:
    return ", ".join(
        f"{name} {' and '.join(sorted({one[:BRIEF] for one in tags[tag].dropna()}))}"
        for tag, name in HASHES.items()
        if tag in tags
    )


def _configurations(params: DataFrame, scoring: DataFrame) -> dict[str, str]:
    params = params[[key for key in params if not decides_nothing(key)]]
    commands = {}
    for (contender, task), rows in params.groupby([scoring["contender"], scoring["task"]]):
        words = [word for key in rows if (word := _override(key, rows[key]))]
        seeds = ",".join(str(seed) for seed in sorted(scoring.loc[rows.index, "seed"]))
        commands[f"{contender} on {task}"] = shlex.join(
            ["harness", "train", "-m", *shown(words), f"seed={seeds}"]
        )
    return commands


def _override(key: str, values: Series) -> str:
    """The override that gives a key the value of all runs; "" where they have several, or one has none.

    >>> from pandas import Series
    >>> _override("training.steps_per_epoch", Series(["None", "None"]))
    'training.steps_per_epoch=null'
    >>> _override("wrapper", Series(["ema+clip_norm"]))
    'wrapper=[ema,clip_norm]'
    """
    if values.isna().any() or values.nunique() > 1:
        return ""
    value = str(values.iloc[0])
    if key == WRAPPER and "+" in value:
        return f"{key}=[{value.replace('+', ',')}]"
    return f"{key}={WORDS.get(value, value)}"
