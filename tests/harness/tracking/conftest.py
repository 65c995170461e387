import sqlite3
import warnings
from contextlib import closing
from pathlib import Path

import pytest


@pytest.fixture(scope="session")
def mlflow_client():
    """MLflow's client of a store, to read back what was written; its own warnings are its own."""
    from harness.tracking.store import settle_environment

    settle_environment()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        import mlflow.pyfunc
        import mlflow.store.model_registry.sqlalchemy_store
        import mlflow.store.tracking.sqlalchemy_store  # noqa: F401
        from mlflow import MlflowClient
        from sqlalchemy.orm import configure_mappers

        configure_mappers()
    return MlflowClient


@pytest.fixture(scope="session")
def empty_database(tmp_path_factory):
    """A database without runs: making one takes seconds, copying it nothing."""
    from harness.tracking.tracker import Tracker

    path = tmp_path_factory.mktemp("store") / "mlflow.db"
    Tracker(f"sqlite:///{path}", "test").close()
    return path.read_bytes()


@pytest.fixture
def uri(tmp_path: Path, empty_database: bytes) -> str:
    """A store of the test's own."""
    path = tmp_path / "store" / "mlflow.db"
    path.parent.mkdir()
    path.write_bytes(empty_database)
    with closing(sqlite3.connect(path)) as connection, connection:
        place = (path.parent / "mlartifacts").as_uri()
        connection.execute("UPDATE experiments SET artifact_location = ?", (place,))
    return f"sqlite:///{path}"
