"""What a contender has left in its MLflow store, read from the tables."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import unquote, urlsplit

import numpy as np

from .grid import Grid

__all__ = ["Contents", "read"]

RUNS = "(SELECT run_uuid FROM tags WHERE key = 'kind' AND value = 'run')"  # not the sweep's own


@dataclass(frozen=True)
class Contents:
    """training: seconds from the start of the first run to the end of the last.

    a_run: rows of one run by table, and its artifacts. scores: values by metric, each as (optimizers,
    initializers, rates, seeds), of the last epoch.
    """

    training: float
    a_run: dict[str, int]
    scores: dict[str, np.ndarray]


def read(path: Path, grid: Grid, lr: str) -> Contents:
    """Raises RuntimeError unless all runs of the grid are there and finished."""
    with closing(sqlite3.connect(path)) as connection:
        runs = connection.execute(
            f"SELECT run_uuid, status, start_time, end_time, artifact_uri FROM runs "
            f"WHERE run_uuid IN {RUNS}"
        ).fetchall()
        if len(runs) != grid.runs or any(run[1] != "FINISHED" for run in runs):
            finished = sum(run[1] == "FINISHED" for run in runs)
            raise RuntimeError(
                f"{path}: {finished} of {len(runs)} runs finished, {grid.runs} wanted."
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
    found = {count for (count,) in counts}
    if len(counts) != runs or (table == "metrics" and len(found) != 1):
        raise RuntimeError(f"{len(counts)} of {runs} runs have {table}, {sorted(found)} rows each.")
    return max(found)


def _scores(connection: sqlite3.Connection, grid: Grid, lr: str, key: str) -> np.ndarray:
    """The last value of a metric, by what the run's params say that it is."""
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
        chosen = params[run]
        place = (
            grid.optimizers.index(chosen["optimizer"]),
            grid.initializers.index(chosen["initializer"]),
            grid.rates.index(float(chosen[lr])),
            int(chosen["seed"]),
        )
        if not np.isnan(values[place]):
            raise RuntimeError(f"Two runs are {place} of the grid.")
        values[place] = value
    if np.isnan(values).any():
        raise RuntimeError(f"{np.isnan(values).sum()} runs of the grid have no {key}.")
    return values
