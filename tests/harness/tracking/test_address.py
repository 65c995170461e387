import http.server
import os
import socket
import sys
import threading
import time
from pathlib import Path

import pytest

from harness.errors import TrackingError
from harness.tracking.address import artifact_location, resolve_uri, sqlite_path, without_secrets
from harness.tracking.reachable import check_reachable


def test_a_relative_path_is_taken_from_the_folder(tmp_path):
    assert (
        resolve_uri("sqlite:///outputs/mlflow.db", tmp_path)
        == f"sqlite:///{tmp_path}/outputs/mlflow.db"
    )


def test_an_absolute_path_and_a_server_stay():
    assert resolve_uri("sqlite:////data/a.db", Path("/else")) == "sqlite:////data/a.db"
    assert resolve_uri("http://localhost:5000/", Path("/else")) == "http://localhost:5000"
    assert sqlite_path("http://localhost:5000") is None
    assert artifact_location("http://localhost:5000") is None


@pytest.mark.parametrize(
    "uri", ["", "mlruns", "mysql://host/db", "sqlite://", "sqlite:///", "sqlite:///:memory:"]
)
def test_other_stores_are_refused_with_what_is_allowed(uri):
    with pytest.raises(TrackingError, match=r"SQLite file.*MLflow server.*Postgres"):
        resolve_uri(uri, Path("/"))


def test_artifacts_lie_beside_the_database_even_with_spaces():
    assert artifact_location("sqlite:////my data/a.db") == "file:///my%20data/mlartifacts"


def test_credentials_are_left_out_of_what_is_shown():
    assert without_secrets("http://ada:secret@host:5000/x") == "http://host:5000/x"
    assert without_secrets("http://host:5000") == "http://host:5000"


def test_a_postgres_address_names_its_driver_and_keeps_its_password():
    """SQLAlchemy 2.1 would take psycopg 3 where no driver is named."""
    for given in ("postgresql://ada:pw@host/db", "postgresql+psycopg2://ada:pw@host/db"):
        assert resolve_uri(given, Path("/else")) == "postgresql+psycopg2://ada:pw@host/db"


@pytest.mark.parametrize(
    ("uri", "shown"),
    [
        ("postgresql+psycopg2://ada:secret@host:5432/lab", "postgresql://host:5432/lab"),
        ("postgresql://ada:p%40ss@host/lab", "postgresql://host/lab"),
        (
            "postgresql:///lab?host=/run/pg&user=ada&password=secret",
            "postgresql:///lab?host=/run/pg",
        ),
        (
            "postgresql://host/lab?sslmode=require&sslpassword=x",
            "postgresql://host/lab?sslmode=require",
        ),
    ],
)
def test_what_is_shown_of_a_postgres_address(uri, shown):
    assert without_secrets(uri) == shown
    assert without_secrets(resolve_uri(uri, Path("/"))) == shown


@pytest.mark.parametrize("password", ["se/cret", "%cret", "se#cret", "se?cret", "se@cret", "[cret"])
def test_nothing_of_a_password_is_shown_whatever_it_is_made_of(password):
    assert without_secrets(f"postgresql://ada:{password}@host/lab") == "postgresql://host/lab"


def test_an_address_that_is_refused_does_not_show_its_password():
    with pytest.raises(TrackingError) as caught:
        resolve_uri("mysql://ada:secret@host/db", Path("/"))
    assert "secret" not in str(caught.value)


def test_artifacts_of_postgres_lie_under_outputs(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    location = artifact_location("postgresql+psycopg2://host/db")
    assert location == f"file://{tmp_path}/outputs/mlartifacts"


def test_a_fresh_place_can_be_written(tmp_path):
    check_reachable(f"sqlite:///{tmp_path}/new/deep/mlflow.db")
    assert (tmp_path / "new" / "deep").is_dir()


def test_a_file_that_is_no_database_is_refused(tmp_path):
    (tmp_path / "notes.txt").write_text("these are notes, and no database at all")
    with pytest.raises(TrackingError, match="not a SQLite database"):
        check_reachable(f"sqlite:///{tmp_path}/notes.txt")
    with pytest.raises(TrackingError, match="not a SQLite database"):
        check_reachable(f"sqlite:///{tmp_path}")


def test_a_folder_that_cannot_be_made_is_named(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(TrackingError, match=r"file.*cannot be created"):
        check_reachable(f"sqlite:///{tmp_path}/file/mlflow.db")


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_a_folder_without_permission_is_refused(tmp_path):
    tmp_path.chmod(0o500)
    with pytest.raises(TrackingError, match="cannot be written"):
        check_reachable(f"sqlite:///{tmp_path}/mlflow.db")


def test_a_server_that_is_down_is_reported_with_what_to_do():
    with socket.socket() as taken:  # bound and not listening: nobody can answer there
        taken.bind(("127.0.0.1", 0))
        port = taken.getsockname()[1]
        with pytest.raises(
            TrackingError, match=r"cannot be reached.*refused.*tracking\.uri=sqlite"
        ):
            check_reachable(f"http://user:secret@127.0.0.1:{port}")


def test_a_postgres_that_is_down_is_reported_in_seconds():
    with socket.socket() as taken:  # bound and not listening: nobody can answer there
        taken.bind(("127.0.0.1", 0))
        port = taken.getsockname()[1]
        uri = resolve_uri(f"postgresql://ada:secret@127.0.0.1:{port}/lab", Path("/"))
        before = time.monotonic()
        with pytest.raises(
            TrackingError, match=r"cannot be reached.*refused.*tracking\.uri="
        ) as no:
            check_reachable(uri)
    assert time.monotonic() - before < 6
    assert "secret" not in str(no.value)


def test_a_postgres_that_never_answers_is_reported_in_seconds():
    with socket.socket() as silent:
        silent.bind(("127.0.0.1", 0))
        silent.listen()
        uri = f"postgresql+psycopg2://ada:secret@127.0.0.1:{silent.getsockname()[1]}/lab"
        before = time.monotonic()
        with pytest.raises(TrackingError, match=r"cannot be reached.*timeout"):
            check_reachable(uri)
    assert time.monotonic() - before < 15


@pytest.mark.parametrize("password", ["se/cret", "%cret", "12/cret", "se@cret"])
def test_a_password_that_is_not_escaped_is_not_shown(password):
    with pytest.raises(TrackingError, match="%40 for @") as caught:
        check_reachable(f"postgresql+psycopg2://ada:{password}@127.0.0.1:1/lab")
    assert "cret" not in str(caught.value)


def test_a_missing_driver_is_named_with_what_to_install(monkeypatch):
    monkeypatch.setitem(sys.modules, "psycopg2", None)
    with pytest.raises(TrackingError, match=r"pip install 'harness\[postgres\]'"):
        check_reachable("postgresql+psycopg2://host/lab")


@pytest.mark.parametrize(
    ("status", "reachable"), [(200, True), (401, True), (404, False), (500, False)]
)
def test_what_a_server_answers(status, reachable):
    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self):
            self.send_response(status if self.path == "/health" else 418)
            self.end_headers()

        def log_message(self, *_):
            pass

    with http.server.HTTPServer(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        uri = f"http://127.0.0.1:{server.server_port}"
        try:
            if reachable:
                check_reachable(uri)
            else:
                with pytest.raises(TrackingError, match=str(status)):
                    check_reachable(uri)
        finally:
            server.shutdown()
