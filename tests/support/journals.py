"""Journals of runs that are over, and what a store has of them."""

from __future__ import annotations

import sqlite3
from contextlib import closing

from harness.tracking import journal
from harness.tracking.address import sqlite_path
from harness.tracking.events import MetricsLogged, RunEnded, RunStarted


def finished(folder, number, steps=3):
    """The folder of a run that is over."""
    run_folder = folder / f"{number:04}"
    key = str(run_folder)
    journal.begin(
        run_folder, RunStarted(key, key, "test", f"run {number}", 1, {"t": "1"}, {"p": "2"})
    )
    values = [
        MetricsLogged(key, step, step, {"loss": number + step}) for step in range(1, steps + 1)
    ]
    (run_folder / "config.yaml").write_text(str(number))
    journal.append(run_folder, [*values, RunEnded(key, "finished", 9, artifacts=("config.yaml",))])
    return run_folder


def store_of(uri):
    """(name, status, metrics, params, tags) of all runs."""
    counts = [
        f"(SELECT count(*) FROM {table} x WHERE x.run_uuid = r.run_uuid)"
        for table in ("metrics", "params", "tags")
    ]
    with closing(sqlite3.connect(sqlite_path(uri))) as connection:
        query = f"SELECT name, status, {', '.join(counts)} FROM runs r ORDER BY start_time, name"
        return connection.execute(query).fetchall()


def whole(numbers, steps=3):
    """What `store_of` gives for finished runs; the tags are t, status and MLflow's name."""
    return [(f"run {number}", "FINISHED", steps, 1, 3) for number in numbers]
