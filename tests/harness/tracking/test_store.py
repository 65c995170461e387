import http.server
import os
import socket
import threading
from pathlib import Path

import pytest

from harness.errors import TrackingError
from harness.tracking.store import (
    artifact_location,
    check_reachable,
    database,
    public,
    resolve,
)


def test_a_relative_path_is_taken_from_the_folder(tmp_path):
    assert (
        resolve("sqlite:///outputs/mlflow.db", tmp_path)
        == f"sqlite:///{tmp_path}/outputs/mlflow.db"
    )


def test_an_absolute_path_and_a_server_stay():
    assert resolve("sqlite:////data/a.db", Path("/else")) == "sqlite:////data/a.db"
    assert resolve("http://localhost:5000/", Path("/else")) == "http://localhost:5000"
    assert database("http://localhost:5000") is None
    assert artifact_location("http://localhost:5000") is None


@pytest.mark.parametrize(
    "uri", ["", "mlruns", "postgresql://host/db", "sqlite://", "sqlite:///", "sqlite:///:memory:"]
)
def test_other_stores_are_refused_with_what_is_allowed(uri):
    with pytest.raises(TrackingError, match=r"SQLite file.*address of an MLflow server"):
        resolve(uri, Path("/"))


def test_artifacts_lie_beside_the_database_even_with_spaces():
    assert artifact_location("sqlite:////my data/a.db") == "file:///my%20data/mlartifacts"


def test_credentials_are_left_out_of_what_is_shown():
    assert public("http://ada:secret@host:5000/x") == "http://host:5000/x"
    assert public("http://host:5000") == "http://host:5000"


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
