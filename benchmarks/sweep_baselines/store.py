"""The contents of a contender's MLflow store, read from its tables."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import unquote, urlsplit

import numpy as np

from .grid import Grid

__all__ = ["Contents", "read"]

RUNS = "(SELECT run_uuid FROM tags WHERE key = 'kind' AND value = 'run')"  # without the sweep's own run


@dataclass(frozen=True)
class Contents:
    """What a contender has logged.

    Attributes:
        training: Seconds from the start of the first run to the end of the last.
        a_run: Number of rows of a run by table, and of its artifacts.
        scores: Values of the last epoch by metric, (optimizers, initializers, rates, seeds).
    """

    training: float
    a_run: dict[str, int]
    scores: dict[str, np.ndarray]


def read(path: Path, grid: Grid, lr: str) -> Contents:
    """The contents of a store. Raises RuntimeError unless it holds all runs of the grid, finished."""
    with closing(sqlite3.connect(path)) as connection:
        runs = connection.execute(
            f"SELECT run_uuid, status, start_time, end_time, artifact_uri FROM runs "
            f"WHERE run_uuid IN {RUNS}"
        ).fetchall()
        if len(runs) != grid.runs or any(run[1] != "FINISHED" for run in runs):
            finished = sum(run[1] == "FINISHED" for run in runs)
            raise RuntimeError(
                f"{path}: {finished} of {len(runs)} runs finished, instead of {grid.runs}."
            )
        scores = {
            key: _scores(connection, grid, lr, key) for key in ("train/loss", "validation/accuracy")
        }
        a_run = {
            table: _rows_a_run(connection, table, len(runs))
            for table in ("metrics", "params", "tags")
        }
    folders = [Path(unquote(urlsplit(run[4]).path)) for run in runs]
    counts = {sum(file.is_file() for file in folder.rglob("*")) for folder in folders}
    if len(counts) != 1:
        raise RuntimeError(f"{path}: runs have different numbers of artifacts: {sorted(counts)}.")
    training = (max(run[3] for run in runs) - min(run[2] for run in runs)) / 1000
    return Contents(training, a_run | {"artifacts": counts.pop()}, scores)


def _rows_a_run(connection: sqlite3.Connection, table: str, runs: int) -> int:
    counts = connection.execute(
        f"SELECT COUNT(*) FROM {table} WHERE run_uuid IN {RUNS} GROUP BY run_uuid"
    ).fetchall()
    distinct = {count for (count,) in counts}
    if len(counts) != runs or (table == "metrics" and len(distinct) != 1):
        raise RuntimeError(
            f"{len(counts)} of {runs} runs have {table}, {sorted(distinct)} rows each."
        )
    return max(distinct)


def _scores(connection: sqlite3.Connection, grid: Grid, lr: str, key: str) -> np.ndarray:
    """The last values of a metric, where the params of their runs place them in the grid."""
    params: dict[str, dict[str, str]] = {}
    for run, name, value in connection.execute(
        f"SELECT run_uuid, key, value FROM params WHERE run_uuid IN {RUNS}"
    ):
        params.setdefault(run, {})[name] = value
    shape = (len(grid.optimizers), len(grid.initializers), len(grid.rates), grid.seeds)
    values = np.full(shape, np.nan)
    for run, value in connection.execute(
        f"SELECT run_uuid, value FROM latest_metrics WHERE key = ? AND run_uuid IN {RUNS}", (key,)
    ):
        setting = params[run]
        index = (
            grid.optimizers.index(setting["optimizer"]),
            grid.initializers.index(setting["initializer"]),
            grid.rates.index(float(setting[lr])),
            int(setting["seed"]),
        )
        if not np.isnan(values[index]):
            raise RuntimeError(f"Two runs are {index} of the grid.")
        values[index] = value
    if np.isnan(values).any():
        raise RuntimeError(f"{np.isnan(values).sum()} runs of the grid have no {key}.")
    return values
