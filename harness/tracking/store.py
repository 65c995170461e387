"""Opens a store: creates or migrates its database where needed, and gives MLflow's client of it.

MLflow takes 2 s to import, so only functions that need it import it.
"""

from __future__ import annotations

import sqlite3
from contextlib import closing
from dataclasses import dataclass
from functools import cached_property
from importlib.metadata import version
from pathlib import Path
from typing import Any

from harness.errors import TrackingError
from harness.tracking import sqlite
from harness.tracking.address import POSTGRES, artifact_location, sqlite_path, without_secrets
from harness.tracking.mlflow_defaults import set_mlflow_defaults
from harness.tracking.reachable import check_reachable
from harness.tracking.schema import needs_upgrade, newest_revision, upgrade

__all__ = ["MlflowStore", "open_store"]


@dataclass(frozen=True)
class MlflowStore:
    """A store that is ready to be read and written.

    Attributes:
        uri: Its resolved address.
    """

    uri: str

    @cached_property
    def client(self) -> Any:
        """mlflow.MlflowClient of this store."""
        import sqlalchemy
        from mlflow import MlflowClient

        if not sqlalchemy.event.contains(sqlalchemy.Engine, "connect", sqlite.relax_syncing):
            sqlalchemy.event.listen(sqlalchemy.Engine, "connect", sqlite.relax_syncing)
        return MlflowClient(self.uri)

    def experiment(self, name: str) -> str:
        """The id of an experiment, created if need be; several processes may do so at once.

        Raises TrackingError if it was deleted.
        """
        from mlflow.exceptions import MlflowException

        experiment = self.client.get_experiment_by_name(name)
        if experiment is None:
            try:
                return str(self.client.create_experiment(name, artifact_location(self.uri)))
            except MlflowException as error:
                if error.error_code != "RESOURCE_ALREADY_EXISTS":
                    raise
                experiment = self.client.get_experiment_by_name(name)
        if experiment.lifecycle_stage != "active":
            raise TrackingError(
                f"The MLflow experiment {name!r} was deleted. Take another name "
                f"(tracking.experiment=...) or restore it: mlflow experiments restore "
                f"--experiment-id {experiment.experiment_id}"
            )
        return str(experiment.experiment_id)


def open_store(uri: str) -> MlflowStore:
    """Opens a resolved store. The first process creates or migrates its database; the others wait.

    Raises TrackingError if the store cannot be written, or is of a newer MLflow.
    """
    set_mlflow_defaults()
    check_reachable(uri)  # MLflow itself would try a broken store for 100 s
    store = MlflowStore(uri)
    path = sqlite_path(uri)
    if path:
        _prepare_sqlite(uri, path)
    elif uri.startswith(POSTGRES):
        _prepare_postgres(store)
    return store


def _prepare_sqlite(uri: str, path: Path) -> None:
    """Creates or migrates the database; before a migration it is copied."""
    if sqlite.has_content(path) and sqlite.revision(path) == newest_revision():
        return
    with sqlite.exclusive_lock(path):
        if not sqlite.has_content(path):
            sqlite.create(path)
        elif needs_upgrade(sqlite.revision(path), str(path)):
            copy = path.with_name(f"{path.stem}.before-mlflow-{version('mlflow')}{path.suffix}")
            with closing(sqlite3.connect(path)) as source, closing(sqlite3.connect(copy)) as target:
                source.backup(target)
            upgrade(uri)


def _prepare_postgres(store: MlflowStore) -> None:
    """Creates or migrates the database; without a copy: Postgres applies a migration whole or not."""
    from harness.tracking import postgres

    with postgres.exclusive_lock(store.uri, sqlite.LOCK_TIMEOUT) as connection:
        revision = postgres.revision(connection)
        if revision is None or needs_upgrade(revision, without_secrets(store.uri)):
            upgrade(store.uri)
        store.client.search_experiments(max_results=1)  # its first use makes the default experiment
