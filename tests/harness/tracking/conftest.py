import os
import shutil
import socket
import sqlite3
import subprocess
import tempfile
import warnings
from collections.abc import Callable, Iterator
from contextlib import closing
from functools import cache
from itertools import count
from pathlib import Path

import pytest


@pytest.fixture(scope="session")
def mlflow_client():
    """MLflow's client, to read back what was written. Warnings of its import are ignored."""
    from harness.tracking.mlflow_defaults import set_mlflow_defaults

    set_mlflow_defaults()
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
    """The bytes of a database without runs: to make one takes seconds, to copy it nothing."""
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
        location = (path.parent / "mlartifacts").as_uri()
        connection.execute("UPDATE experiments SET artifact_location = ?", (location,))
    return f"sqlite:///{path}"


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def _programs() -> Path:
    """The folder of initdb and postgres: the system's, or else those of the package pgserver."""
    candidates = [Path(path) for path in [shutil.which("initdb")] if path]
    candidates += sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"))
    if candidates:
        return candidates[-1].parent
    return Path(pytest.importorskip("pgserver").__file__).parent / "pginstall" / "bin"


PASSWORD = "s3cret/with@signs"
ESCAPED = "s3cret%2Fwith%40signs"


@pytest.fixture(scope="session")
def postgres() -> Iterator[Callable[..., str]]:
    """Makes the address of a fresh database on a private Postgres, which wants a password."""
    from harness.tracking.tracker import Tracker

    psycopg2 = pytest.importorskip("psycopg2")
    programs = _programs()
    user = "nobody" if os.geteuid() == 0 else None  # Postgres refuses to run as root
    folder = Path(tempfile.mkdtemp(prefix="harness-postgres-"))
    (folder / "password").write_text(PASSWORD)
    if user:
        shutil.chown(folder, user)
        shutil.chown(folder / "password", user)
    log = folder / "log"
    data = str(folder / "data")
    options = ["--username=ada", "--auth=scram-sha-256", f"--pwfile={folder}/password", "--no-sync"]
    subprocess.run(
        [programs / "initdb", "-D", data, "--encoding=UTF8", "--locale=C", *options],
        user=user,
        cwd=folder,
        check=True,
        capture_output=True,
    )
    port = free_port()
    settings = {
        "listen_addresses": "127.0.0.1",
        "port": port,
        "unix_socket_directories": "",
        "fsync": "off",
    }
    command = [programs / "postgres", "-D", data, *(f"--{k}={v}" for k, v in settings.items())]
    with log.open("w") as file:
        server = subprocess.Popen(command, user=user, cwd=folder, stdout=file, stderr=file)
    numbers = count()

    def connect():
        while True:
            try:
                return psycopg2.connect(
                    host="127.0.0.1", port=port, user="ada", password=PASSWORD, dbname="postgres"
                )
            except psycopg2.OperationalError:
                assert server.poll() is None, log.read_text()

    def create(template: str = "template1") -> str:
        name = f"lab{next(numbers)}"
        with closing(connect()) as connection:
            connection.autocommit = True
            connection.cursor().execute(f"CREATE DATABASE {name} TEMPLATE {template}")
        return name

    def uri_of(name: str) -> str:
        return f"postgresql://ada:{ESCAPED}@127.0.0.1:{port}/{name}"

    @cache
    def with_tables() -> str:
        name = create()
        Tracker(uri_of(name), "template").close()
        return name

    def fresh(tables: bool = False) -> str:
        """tables: MLflow's are there, which it takes seconds to make."""
        return uri_of(create(with_tables()) if tables else create())

    try:
        yield fresh
    finally:
        server.send_signal(2)  # SIGINT: a fast shutdown
        server.wait()
        shutil.rmtree(folder)
