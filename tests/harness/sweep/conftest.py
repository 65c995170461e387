"""A store to log to, which takes MLflow seconds to create: once for all tests."""

from __future__ import annotations

import shutil

import pytest


@pytest.fixture(scope="session")
def empty_store(tmp_path_factory):
    from harness.tracking.tracker import Tracker

    path = tmp_path_factory.mktemp("store") / "mlflow.db"
    Tracker(f"sqlite:///{path}", "").close()
    return path


@pytest.fixture
def store_uri(empty_store, tmp_path):
    """An empty SQLite store of this test alone."""
    shutil.copy(empty_store, tmp_path / "mlflow.db")
    return f"sqlite:///{tmp_path / 'mlflow.db'}"
